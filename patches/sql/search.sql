-- The nearest passages and those with matching words, fused by reciprocal rank; any of the words may match, more of
-- them rank higher. A text that stands in several documents is told once, with all their batches.
WITH question AS (
  SELECT replace(plainto_tsquery('english', %(words)s)::text, '&', '|')::tsquery AS words
),
near AS (
  SELECT id, rank FROM unnest(%(near)s::bigint[]) WITH ORDINALITY AS n(id, rank)
),
matching AS (
  SELECT p.id, row_number() OVER (ORDER BY ts_rank_cd(p.words, q.words, 1) DESC, p.id) AS rank
  FROM patches_passage p, question q
  WHERE p.reflection_id = %(reflection)s AND {held} AND p.words @@ q.words
  ORDER BY rank LIMIT %(candidates)s
),
fused AS (
  SELECT id, sum(1.0 / (%(k)s + rank)) AS score FROM (SELECT * FROM near UNION ALL SELECT * FROM matching) both_lists
  GROUP BY id
),
told AS (
  SELECT p.text_hash, max(f.score) AS score, (array_agg(p.id ORDER BY f.score DESC, p.id))[1] AS id
  FROM fused f JOIN patches_passage p USING (id) GROUP BY p.text_hash
)
SELECT t.score::float, p.text, b.title, p.start, p."end",
       ARRAY(SELECT DISTINCT twin.batch_id FROM fused f JOIN patches_passage twin USING (id)
             WHERE twin.text_hash = t.text_hash ORDER BY 1),
       ARRAY(SELECT word FROM unnest(regexp_split_to_array(lower(p.text), '[^\w]+')) word, question q
             WHERE word <> '' AND to_tsvector('english', word) @@ q.words)
FROM told t JOIN patches_passage p ON p.id = t.id JOIN patches_patchbatch b ON b.id = p.batch_id
ORDER BY t.score DESC, p.id LIMIT %(limit)s
