-- Delete what batches consist of and what rests on them. Answers how much it was, the hashes of their texts, whom they
-- named, and the fact versions that may have been theirs alone, by whatever their subjects ever counted as.
WITH said AS MATERIALIZED (
  DELETE FROM patches_assertion WHERE batch_id = ANY(%(batches)s::bigint[])
  RETURNING subject_id, predicate_id, object_entity_id
),
words AS (
  DELETE FROM patches_identity WHERE batch_id = ANY(%(batches)s::bigint[]) RETURNING entity_id, same_as_id
),
passages AS (
  DELETE FROM patches_passage WHERE batch_id = ANY(%(batches)s::bigint[]) RETURNING text_hash
),
changes AS (
  DELETE FROM patches_patch WHERE batch_id = ANY(%(batches)s::bigint[]) RETURNING op, payload
),
verdicts AS (
  DELETE FROM patches_verdict WHERE batch_id = ANY(%(batches)s::bigint[]) RETURNING id
),
versions AS (
  DELETE FROM patches_referenceversion
  WHERE batch_id = ANY(%(batches)s::bigint[]) OR reference_id = ANY(%(references)s::uuid[])
),
counted AS (
  SELECT subject_id AS id, predicate_id FROM said
  UNION SELECT x.canonical_id, s.predicate_id FROM said s JOIN patches_alias x ON x.entity_id = s.subject_id
),
named AS (
  SELECT subject_id AS id FROM said UNION SELECT object_entity_id FROM said
  UNION SELECT entity_id FROM words UNION SELECT same_as_id FROM words
)
SELECT (SELECT count(*) FROM passages), (SELECT count(*) FROM said), (SELECT count(*) FROM changes),
       ARRAY(SELECT text_hash FROM passages
             UNION SELECT span ->> 2 FROM changes, jsonb_array_elements(payload -> 'spans') span
             WHERE op = 'put_passages'),
       ARRAY(SELECT id FROM named WHERE id IS NOT NULL
             UNION SELECT x.canonical_id FROM named JOIN patches_alias x ON x.entity_id = named.id ORDER BY 1),
       ARRAY(SELECT f.id FROM counted JOIN patches_fact f ON f.subject_id = counted.id
                                                         AND f.predicate_id = counted.predicate_id
             WHERE NOT upper_inf(f.sys) ORDER BY 1)
