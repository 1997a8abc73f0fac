-- Delete closed fact versions that nothing says any more, not even in the past, neither where they stood nor under
-- another name of their subject.
DELETE FROM patches_fact f WHERE f.id = ANY(%(facts)s::bigint[]) AND NOT upper_inf(f.sys) AND NOT EXISTS (
  SELECT FROM patches_assertion a
  WHERE a.predicate_id = f.predicate_id AND a.object_text = f.object_text
    AND a.subject_id IN (SELECT f.subject_id
                         UNION SELECT x.entity_id FROM patches_alias x WHERE x.canonical_id = f.subject_id)
) AND NOT EXISTS (  -- an object that counted as another is called by that other's name
  SELECT FROM patches_assertion a JOIN patches_entity e ON e.id = f.object_entity_id AND e.name = f.object_text
  JOIN patches_alias o ON o.entity_id = a.object_entity_id AND o.canonical_id = e.id
  WHERE a.predicate_id = f.predicate_id
    AND a.subject_id IN (SELECT f.subject_id
                         UNION SELECT x.entity_id FROM patches_alias x WHERE x.canonical_id = f.subject_id)
)
