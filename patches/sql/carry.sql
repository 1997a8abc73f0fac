-- Let each of the references carry the last batch of its own that stands, or none if none does.
-- Answers the batches that are carried now and are not live, and the live ones that lost a carrier.
WITH due AS (
  SELECT DISTINCT ON (v.reference_id) v.reference_id, v.batch_id, v.payload_id, b.content_hash, b.status
  FROM patches_referenceversion v JOIN patches_patchbatch b ON b.id = v.batch_id
  WHERE v.reference_id = ANY(%(references)s::uuid[]) AND b.status IN ('applied', 'superseded')
  ORDER BY v.reference_id, v.id DESC
),
turned AS MATERIALIZED (
  SELECT id AS reference_id, due.batch_id, due.payload_id, due.content_hash, due.status, was.batch_id AS left_behind
  FROM unnest(%(references)s::uuid[]) AS given(id)
  LEFT JOIN due ON due.reference_id = id LEFT JOIN patches_carrier was ON was.reference_id = id
  WHERE due.batch_id IS DISTINCT FROM was.batch_id
),
dropped AS (
  DELETE FROM patches_carrier c USING turned WHERE c.reference_id = turned.reference_id AND turned.batch_id IS NULL
),
carried AS (
  INSERT INTO patches_carrier (reference_id, batch_id)
  SELECT reference_id, batch_id FROM turned WHERE batch_id IS NOT NULL
  ON CONFLICT (reference_id) DO UPDATE SET batch_id = EXCLUDED.batch_id
),
noted AS (
  UPDATE handoffs_reference r
  SET applied_payload_id = turned.payload_id, applied_content_hash = coalesce(turned.content_hash, ''),
      applied_at = CASE WHEN turned.batch_id IS NOT NULL THEN now() END
  FROM turned WHERE r.id = turned.reference_id
)
SELECT ARRAY(SELECT DISTINCT batch_id FROM turned WHERE status = 'superseded' ORDER BY 1),
       ARRAY(SELECT DISTINCT left_behind FROM turned WHERE left_behind IS NOT NULL ORDER BY 1)
