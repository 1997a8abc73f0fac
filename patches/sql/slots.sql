-- What the touched slots hold: the live assertions, by whom they count as, and the open fact versions (with their ids).
SELECT a.slot, NULL::bigint, coalesce(s.canonical_id, a.subject_id), a.predicate_id, p.cardinality, lower(a.valid),
       upper(a.valid), coalesce(canonical.key, a.object_key), coalesce(canonical.name, a.object_text),
       coalesce(o.canonical_id, a.object_entity_id)::text, a.precision, a.basis
FROM patches_assertion a JOIN patches_predicate p ON p.name = a.predicate_id
LEFT JOIN patches_alias s ON s.entity_id = a.subject_id AND upper_inf(s.sys)
LEFT JOIN patches_alias o ON o.entity_id = a.object_entity_id AND upper_inf(o.sys)
LEFT JOIN patches_entity canonical ON canonical.id = o.canonical_id
WHERE a.slot = ANY(%(slots)s::uuid[]) AND a.live
UNION ALL
SELECT f.slot, f.id, f.subject_id, f.predicate_id, p.cardinality, lower(f.valid), upper(f.valid),
       f.object_key, f.object_text, f.object_entity_id::text, f.precision, f.basis
FROM patches_fact f JOIN patches_predicate p ON p.name = f.predicate_id
WHERE f.slot = ANY(%(slots)s::uuid[]) AND upper_inf(f.sys)
