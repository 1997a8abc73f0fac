-- What the touched slots hold: the live assertions, and the open fact versions (with their ids).
SELECT a.slot, NULL::bigint, a.subject_id, a.predicate_id, p.cardinality, lower(a.valid), upper(a.valid),
       a.object_key, a.object_text, a.object_entity_id::text, a.precision, a.basis
FROM patches_assertion a JOIN patches_predicate p ON p.name = a.predicate_id
WHERE a.slot = ANY(%(slots)s::uuid[]) AND a.live
UNION ALL
SELECT f.slot, f.id, f.subject_id, f.predicate_id, p.cardinality, lower(f.valid), upper(f.valid),
       f.object_key, f.object_text, f.object_entity_id::text, f.precision, f.basis
FROM patches_fact f JOIN patches_predicate p ON p.name = f.predicate_id
WHERE f.slot = ANY(%(slots)s::uuid[]) AND upper_inf(f.sys)
