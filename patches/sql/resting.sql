-- What rests on batches now: the facts of their live assertions, and whether no other batch says the same. An assertion
-- counts in its slot; what it says there may be of somebody who counts as another by now.
WITH saying AS (
  SELECT f.id AS fact, a.batch_id
  FROM patches_fact f
  JOIN patches_assertion a ON a.slot = f.slot AND a.live AND a.valid && f.valid
  LEFT JOIN patches_alias o ON o.entity_id = a.object_entity_id AND upper_inf(o.sys)
  WHERE upper_inf(f.sys) AND (a.object_key = f.object_key OR o.canonical_id = f.object_entity_id)
    AND f.slot IN (SELECT slot FROM patches_assertion WHERE batch_id = ANY(%(batches)s::bigint[]) AND live)
)
SELECT fact, bool_and(batch_id = ANY(%(batches)s::bigint[])) FROM saying
GROUP BY fact HAVING bool_or(batch_id = ANY(%(batches)s::bigint[])) ORDER BY fact
