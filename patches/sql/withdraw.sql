-- End the life of batches; answers the slots that lost an assertion, and the entities that a word is lost on.
WITH lives AS (
  UPDATE patches_batchlife SET sys = int8range(lower(sys), %(seq)s)
  WHERE batch_id = ANY(%(batches)s::bigint[]) AND upper_inf(sys)
),
passages AS (
  UPDATE patches_passage SET live = false WHERE batch_id = ANY(%(batches)s::bigint[]) AND live
),
withdrawn AS (
  UPDATE patches_assertion SET live = false WHERE batch_id = ANY(%(batches)s::bigint[]) AND live RETURNING slot
),
words AS (
  UPDATE patches_identity SET live = false WHERE batch_id = ANY(%(batches)s::bigint[]) RETURNING entity_id, same_as_id
)
SELECT DISTINCT slot, NULL::uuid FROM withdrawn UNION SELECT NULL, unnest(ARRAY[entity_id, same_as_id]) FROM words
