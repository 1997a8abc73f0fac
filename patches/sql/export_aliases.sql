SELECT jsonb_build_object(
  'kind', 'alias', 'entity', jsonb_build_array(e.type, e.key), 'counts_as', jsonb_build_array(c.type, c.key))
FROM patches_alias x JOIN patches_entity e ON e.id = x.entity_id JOIN patches_entity c ON c.id = x.canonical_id
WHERE e.reflection_id = %(reflection)s AND upper_inf(x.sys)
