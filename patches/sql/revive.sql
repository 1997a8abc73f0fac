-- Begin another life of batches that were live before; answers the slots that got an assertion back.
WITH lives AS (
  INSERT INTO patches_batchlife (batch_id, sys)
  SELECT id, int8range(%(seq)s, NULL) FROM unnest(%(batches)s::bigint[]) AS b(id)
),
passages AS (
  UPDATE patches_passage SET live = true WHERE batch_id = ANY(%(batches)s::bigint[])
),
revived AS (
  UPDATE patches_assertion SET live = true WHERE batch_id = ANY(%(batches)s::bigint[]) RETURNING slot
)
SELECT DISTINCT slot FROM revived
