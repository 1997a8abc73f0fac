-- The live words on the entities given and on all that these are connected with, the later word last; and whom each of
-- them counts as at present.
WITH RECURSIVE near (id) AS (
  SELECT unnest(%(entities)s::uuid[])
  UNION
  SELECT CASE WHEN w.entity_id = near.id THEN w.same_as_id ELSE w.entity_id END
  FROM near JOIN patches_identity w ON near.id IN (w.entity_id, w.same_as_id)
  WHERE w.live AND w.same_as_id IS NOT NULL
)
SELECT near.id, w.entity_id IS NOT NULL, w.same_as_id, x.id, x.canonical_id
FROM near
LEFT JOIN patches_identity w ON w.entity_id = near.id AND w.live
LEFT JOIN patches_alias x ON x.entity_id = near.id AND upper_inf(x.sys)
ORDER BY w.batch_id, w.n
