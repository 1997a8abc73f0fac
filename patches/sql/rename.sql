-- Let entities count as others from this apply number on. The count makes the closing come first.
WITH closed AS (
  UPDATE patches_alias SET sys = int8range(lower(sys), %(seq)s) WHERE id = ANY(%(close)s::bigint[]) RETURNING id
)
INSERT INTO patches_alias (entity_id, canonical_id, sys)
SELECT entity_id, canonical_id, int8range(%(seq)s, NULL)
FROM unnest(%(entities)s::uuid[], %(canonicals)s::uuid[]) AS g(entity_id, canonical_id)
WHERE (SELECT count(*) FROM closed) >= 0
