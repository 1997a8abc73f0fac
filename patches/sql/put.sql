-- Make batches live: their carriers, passages, entities, assertions, and their span of life.
-- Answers the apply number, the batches that references left behind, and whether some assertions may count elsewhere
-- than was thought: one whom they name counts as another, or a predicate has another cardinality by now.
WITH {carried},
seq AS (
  INSERT INTO patches_applytransaction (reflection_id, by) VALUES (%(reflection)s, %(by)s) RETURNING seq
),
passages AS (
  INSERT INTO patches_passage (reflection_id, batch_id, n, start, "end", text, text_hash, vector, live)
  SELECT %(reflection)s, p.batch_id, p.n, p.start, p."end", p.text, p.text_hash, v.vector, true
  FROM jsonb_to_recordset(%(passages)s::jsonb)
    AS p(batch_id bigint, n int, start int, "end" int, text text, text_hash text)
  LEFT JOIN ({vectors}) v ON v.text_hash = p.text_hash  -- a text without a vector breaks the column's NOT NULL
  ORDER BY p.batch_id, p.n
),
entities AS (
  INSERT INTO patches_entity (id, reflection_id, type, key, name)
  SELECT e.id, %(reflection)s, e.type, e.key, e.name
  FROM jsonb_to_recordset(%(entities)s::jsonb) AS e(id uuid, type text, key text, name text)
  ON CONFLICT DO NOTHING
),
assertions AS (
  INSERT INTO patches_assertion (reflection_id, batch_id, n, slot, subject_id, predicate_id, object_entity_id,
                                 object_text, object_key, valid, precision, basis, quote, start, "end", live)
  SELECT %(reflection)s, a.batch_id, a.n, a.slot, a.subject_id, a.predicate, a.object_entity,
         a.object_text, a.object_key, tstzrange(a.valid_from, a.valid_to), a.precision, a.basis,
         a.quote, a.start, a."end", true
  FROM jsonb_to_recordset(%(assertions)s::jsonb)
    AS a(batch_id bigint, n int, slot uuid, subject_id uuid, predicate text, object_entity uuid, object_text text,
         object_key text, valid_from timestamptz, valid_to timestamptz, precision text, basis text,
         quote text, start int, "end" int)
),
identities AS (
  INSERT INTO patches_identity (batch_id, n, entity_id, same_as_id, live)
  SELECT i.batch_id, i.n, i.entity_id, i.same_as_id, true
  FROM jsonb_to_recordset(%(identities)s::jsonb) AS i(batch_id bigint, n int, entity_id uuid, same_as_id uuid)
),
lives AS (
  INSERT INTO patches_batchlife (batch_id, sys)
  SELECT b, int8range(seq.seq, NULL) FROM unnest(%(batches)s::bigint[]) b, seq
)
SELECT seq.seq, ARRAY(SELECT batch_id FROM left_behind ORDER BY 1),
       EXISTS (SELECT FROM jsonb_to_recordset(%(entities)s::jsonb) AS e(id uuid)
               JOIN patches_alias x ON x.entity_id = e.id AND upper_inf(x.sys))
       OR EXISTS (SELECT FROM jsonb_to_recordset(%(assertions)s::jsonb) AS a(predicate text, cardinality text)
                  JOIN patches_predicate p ON p.name = a.predicate WHERE p.cardinality <> a.cardinality)
FROM seq
