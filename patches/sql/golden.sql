-- The passages that the store finds for each golden question, by vectors and by words, and those of the flight's batches
-- that would come among them. Only questions that the store answers now are asked: the others have nothing to lose.
WITH asked AS MATERIALIZED (
  SELECT g.id, replace(plainto_tsquery('english', g.question)::text, '&', '|')::tsquery AS words, g.vector, g.documents
  FROM patches_goldenquestion g
  WHERE g.reflection_id = %(reflection)s AND g.recipe = %(recipe)s AND g.documents <> '{}'
),
most (n) AS MATERIALIZED (
  SELECT %(candidates)s + least(500, coalesce(max(c.n), 0)) FROM (
    SELECT count(*) AS n FROM patches_passage WHERE batch_id = ANY(%(leaving)s::bigint[]) GROUP BY batch_id) c
),
found AS MATERIALIZED (
  SELECT a.id AS question, 0 AS by_words, n.* FROM asked a CROSS JOIN LATERAL ({near}) n
  UNION ALL
  SELECT a.id, 1, m.* FROM asked a CROSS JOIN LATERAL (
    SELECT p.id, p.batch_id, p.text_hash, -ts_rank_cd(p.words, a.words, 1)::float AS distance FROM patches_passage p
    WHERE p.reflection_id = %(reflection)s AND p.live AND p.words @@ a.words
    ORDER BY distance, p.id LIMIT (SELECT n FROM most)) m
),
names AS MATERIALIZED (
  SELECT c.batch_id, array_agg(r.external_id::text) AS names
  FROM patches_carrier c JOIN handoffs_reference r ON r.id = c.reference_id
  WHERE c.batch_id IN (SELECT batch_id FROM found) AND r.gone_at IS NULL GROUP BY c.batch_id
),
hot AS MATERIALIZED (
  SELECT a.* FROM asked a WHERE EXISTS (
    SELECT FROM found f JOIN names USING (batch_id) WHERE f.question = a.id AND names.names && a.documents::text[])
),
worst AS MATERIALIZED (  -- what comes after this is not among the first; where few are found, everything is
  SELECT question, by_words, CASE WHEN count(*) < %(candidates)s THEN 'Infinity' ELSE max(distance) END AS distance
  FROM found GROUP BY question, by_words
),
fresh AS MATERIALIZED (
  SELECT g.batch_id, g.n, g.text_hash, to_tsvector('english', g.text) AS words, v.vector
  FROM jsonb_to_recordset(%(passages)s::jsonb) AS g(batch_id bigint, n int, text_hash text, text text)
  JOIN ({vectors}) v USING (text_hash) WHERE EXISTS (SELECT FROM hot)
)
SELECT 'store', f.by_words, f.question, f.id, f.batch_id, f.text_hash, f.distance, NULL::text[]
FROM found f WHERE f.question IN (SELECT id FROM hot)
UNION ALL
SELECT 'fresh', n.by_words, n.question, n.n, n.batch_id, n.text_hash, n.distance, NULL FROM (
  SELECT 0 AS by_words, h.id AS question, fresh.*, (fresh.vector <=> h.vector)::float AS distance
  FROM hot h JOIN fresh ON vector_dims(fresh.vector) = vector_dims(h.vector)
  UNION ALL
  SELECT 1, h.id, fresh.*, -ts_rank_cd(fresh.words, h.words, 1)::float FROM hot h JOIN fresh ON fresh.words @@ h.words
) n LEFT JOIN worst w USING (question, by_words) WHERE n.distance <= coalesce(w.distance, 'Infinity')
UNION ALL
SELECT 'names', 0, NULL, NULL, batch_id, '', NULL, names FROM names
