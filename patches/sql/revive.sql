-- Begin another life of batches that were live before; answers the slots that got an assertion back, and
-- the entities that there is a word on again.
WITH lives AS (
  INSERT INTO patches_batchlife (batch_id, sys)
  SELECT id, int8range(%(seq)s, NULL) FROM unnest(%(batches)s::bigint[]) AS b(id)
),
passages AS (
  UPDATE patches_passage SET live = true WHERE batch_id = ANY(%(batches)s::bigint[])
),
revived AS (
  UPDATE patches_assertion SET live = true WHERE batch_id = ANY(%(batches)s::bigint[]) RETURNING slot
),
words AS (
  UPDATE patches_identity SET live = true WHERE batch_id = ANY(%(batches)s::bigint[]) RETURNING entity_id, same_as_id
)
SELECT DISTINCT slot, NULL::uuid FROM revived UNION SELECT NULL, unnest(ARRAY[entity_id, same_as_id]) FROM words
