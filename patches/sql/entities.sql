-- Entities that count as themselves, with the names of those that count as them and the number of facts about them.
SELECT e.id, e.type, e.name, e.key,
       ARRAY(SELECT other.name FROM patches_alias x JOIN patches_entity other ON other.id = x.entity_id
             WHERE x.canonical_id = e.id AND upper_inf(x.sys) ORDER BY other.name),
       (SELECT count(*) FROM patches_fact f WHERE f.subject_id = e.id AND upper_inf(f.sys)),
       (SELECT count(*) FROM patches_fact f WHERE f.object_entity_id = e.id AND upper_inf(f.sys))
FROM (
  SELECT * FROM patches_entity e
  WHERE e.reflection_id = %(reflection)s AND (%(type)s::text IS NULL OR e.type = %(type)s)
    AND (%(like)s::text IS NULL OR e.key LIKE %(like)s OR lower(e.name) LIKE %(like)s)
    AND (%(ids)s::uuid[] IS NULL OR e.id = ANY(%(ids)s::uuid[]))
    AND NOT EXISTS (SELECT FROM patches_alias x WHERE x.entity_id = e.id AND upper_inf(x.sys))
  ORDER BY e.type, e.key LIMIT %(limit)s
) e ORDER BY e.type, e.key
