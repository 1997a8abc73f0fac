UPDATE patches_assertion a SET slot = g.slot
FROM unnest(%(was)s::uuid[], %(slots)s::uuid[], %(subjects)s::uuid[], %(predicates)s::text[], %(keys)s::text[],
            %(objects)s::uuid[]) AS g(was, slot, subject_id, predicate_id, key, object_id)
WHERE a.slot = g.was AND a.subject_id = g.subject_id AND a.predicate_id = g.predicate_id
  AND (g.key IS NULL OR (a.object_key = g.key AND a.object_entity_id IS NOT DISTINCT FROM g.object_id))
