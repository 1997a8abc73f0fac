-- Candidates by vector and by words, fused by reciprocal rank; any of the words may match, more of them rank higher.
WITH question AS (
  SELECT replace(plainto_tsquery('english', %(words)s)::text, '&', '|')::tsquery AS words,
         %(vector)s::vector AS vector
),
near AS (
  SELECT p.id, row_number() OVER (ORDER BY p.vector <=> q.vector, p.id) AS rank
  FROM patches_passage p, question q
  WHERE p.reflection_id = %(reflection)s AND p.live AND vector_dims(p.vector) = %(dim)s
  ORDER BY p.vector <=> q.vector, p.id LIMIT %(candidates)s
),
matching AS (
  SELECT p.id, row_number() OVER (ORDER BY ts_rank_cd(p.words, q.words, 1) DESC, p.id) AS rank
  FROM patches_passage p, question q
  WHERE p.reflection_id = %(reflection)s AND p.live AND p.words @@ q.words
  ORDER BY ts_rank_cd(p.words, q.words, 1) DESC, p.id LIMIT %(candidates)s
),
fused AS (
  SELECT id, sum(1.0 / (%(k)s + rank)) AS score FROM (SELECT * FROM near UNION ALL SELECT * FROM matching) both_lists
  GROUP BY id
),
told AS (
  SELECT p.text_hash, max(f.score) AS score, (array_agg(p.id ORDER BY f.score DESC, p.id))[1] AS id
  FROM fused f JOIN patches_passage p USING (id) GROUP BY p.text_hash
)
SELECT t.score::float, p.text, b.title,
       ARRAY(SELECT DISTINCT r.external_id
             FROM patches_passage twin
             JOIN patches_carrier c ON c.batch_id = twin.batch_id
             JOIN handoffs_reference r ON r.id = c.reference_id
             WHERE twin.text_hash = t.text_hash AND twin.live AND twin.reflection_id = %(reflection)s
               AND r.gone_at IS NULL
             ORDER BY 1),
       p.start, p."end"
FROM told t JOIN patches_passage p ON p.id = t.id JOIN patches_patchbatch b ON b.id = p.batch_id
ORDER BY t.score DESC, p.id LIMIT %(limit)s
