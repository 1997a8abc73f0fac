-- End the life of batches; answers the slots that lost an assertion.
WITH lives AS (
  UPDATE patches_batchlife SET sys = int8range(lower(sys), %(seq)s)
  WHERE batch_id = ANY(%(batches)s::bigint[]) AND upper_inf(sys)
),
passages AS (
  UPDATE patches_passage SET live = false WHERE batch_id = ANY(%(batches)s::bigint[]) AND live
),
withdrawn AS (
  UPDATE patches_assertion SET live = false WHERE batch_id = ANY(%(batches)s::bigint[]) AND live RETURNING slot
)
SELECT DISTINCT slot FROM withdrawn
