-- Close fact versions, then open the ones that take their place. The count makes the closing come first: the exclusion
-- constraint looks at each row as it is inserted.
WITH closed AS (
  UPDATE patches_fact SET sys = int8range(lower(sys), %(seq)s) WHERE id = ANY(%(close)s::bigint[]) RETURNING id
)
INSERT INTO patches_fact (reflection_id, slot, subject_id, predicate_id, object_entity_id, object_text, object_key,
                          valid, precision, basis, sys)
SELECT %(reflection)s, f.slot, f.subject_id, f.predicate, f.object_entity, f.object_text, f.object_key,
       tstzrange(f.valid_from, f.valid_to), f.precision, f.basis, int8range(%(seq)s, NULL)
FROM jsonb_to_recordset(%(open)s::jsonb)
  AS f(slot uuid, subject_id uuid, predicate text, object_entity uuid, object_text text, object_key text,
       valid_from timestamptz, valid_to timestamptz, precision text, basis text)
WHERE (SELECT count(*) FROM closed) >= 0
