-- Delete the entities that nothing names any more.
DELETE FROM patches_entity e WHERE e.id = ANY(%(entities)s::uuid[])
  AND NOT EXISTS (SELECT FROM patches_assertion a WHERE a.subject_id = e.id)
  AND NOT EXISTS (SELECT FROM patches_assertion a WHERE a.object_entity_id = e.id)
  AND NOT EXISTS (SELECT FROM patches_fact f WHERE f.subject_id = e.id)
  AND NOT EXISTS (SELECT FROM patches_fact f WHERE f.object_entity_id = e.id)
  AND NOT EXISTS (SELECT FROM patches_identity i WHERE i.entity_id = e.id OR i.same_as_id = e.id)
  AND NOT EXISTS (SELECT FROM patches_alias x WHERE x.entity_id = e.id OR x.canonical_id = e.id)
