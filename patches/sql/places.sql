-- Where assertions count, and by what: a row for each slot and each thing said that may count elsewhere. Of a
-- single-valued predicate the object does not matter.
SELECT DISTINCT a.reflection_id, a.slot, a.subject_id, a.predicate_id, p.cardinality,
       CASE WHEN p.cardinality <> 'single' THEN a.object_key END,
       CASE WHEN p.cardinality <> 'single' THEN a.object_entity_id END,
       coalesce(s.canonical_id, a.subject_id),
       CASE WHEN p.cardinality <> 'single' THEN coalesce(canonical.key, a.object_key) END
FROM patches_assertion a
JOIN patches_predicate p ON p.name = a.predicate_id
LEFT JOIN patches_alias s ON s.entity_id = a.subject_id AND upper_inf(s.sys)
LEFT JOIN patches_alias o ON o.entity_id = a.object_entity_id AND upper_inf(o.sys)
LEFT JOIN patches_entity canonical ON canonical.id = o.canonical_id
WHERE (%(reflection)s::bigint IS NULL OR a.reflection_id = %(reflection)s)
  AND (a.subject_id = ANY(%(entities)s::uuid[]) OR a.object_entity_id = ANY(%(entities)s::uuid[])
       OR a.batch_id = ANY(%(batches)s::bigint[]) OR a.predicate_id = %(predicate)s)
