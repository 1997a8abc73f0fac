-- Fact versions as seen from a moment of both clocks, with the assertions that were live then. Who counted as whom is of
-- that moment too: an assertion is of its subject as said, and so is evidence for whoever that one counted as.
WITH asked AS (
  SELECT unnest(%(about)s::uuid[]) AS id
  UNION
  SELECT x.canonical_id FROM patches_alias x
  WHERE x.entity_id = ANY(%(about)s::uuid[])
    AND CASE WHEN %(history)s THEN %(seq)s::bigint IS NULL OR lower(x.sys) <= %(seq)s::bigint
             WHEN %(seq)s::bigint IS NULL THEN upper_inf(x.sys)
             ELSE x.sys @> %(seq)s::bigint END
),
seen AS (
  SELECT f.id, f.slot, f.subject_id, f.predicate_id, f.object_text, f.object_key,
         f.object_entity_id, f.valid, f.precision, f.basis, f.sys,
         lower(f.valid) AS starts, upper(f.valid) AS ends, lower(f.sys) AS known_from,
         CASE WHEN upper(f.sys) > %(seq)s::bigint THEN NULL ELSE upper(f.sys) END AS known_to
  FROM patches_fact f
  WHERE f.reflection_id = %(reflection)s
    AND CASE WHEN %(history)s THEN %(seq)s::bigint IS NULL OR lower(f.sys) <= %(seq)s::bigint
             WHEN %(seq)s::bigint IS NULL THEN upper_inf(f.sys)
             ELSE f.sys @> %(seq)s::bigint END
    AND f.valid && tstzrange(%(valid_from)s::timestamptz, %(valid_to)s::timestamptz)
    AND (%(about)s::uuid[] IS NULL OR f.subject_id = ANY(ARRAY(SELECT id FROM asked))
         OR f.object_entity_id = ANY(ARRAY(SELECT id FROM asked)))
    AND (%(predicate)s::text IS NULL OR f.predicate_id = %(predicate)s)
    AND (%(ids)s::bigint[] IS NULL OR f.id = ANY(%(ids)s::bigint[]))
),
shown AS MATERIALIZED (
  SELECT f.*, s.name AS subject, p.label, row_number() OVER (ORDER BY {order}) AS place
  FROM seen f JOIN patches_entity s ON s.id = f.subject_id JOIN patches_predicate p ON p.name = f.predicate_id
  ORDER BY place LIMIT %(limit)s
)
SELECT f.id, f.subject, f.predicate_id, f.label, f.object_text, f.starts, f.ends, f.precision, f.basis,
       f.known_from, f.known_to, opened.at, closed.at, evidence.found
FROM shown f
JOIN patches_applytransaction opened ON opened.seq = f.known_from
LEFT JOIN patches_applytransaction closed ON closed.seq = f.known_to
LEFT JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_object('assertion', e.id, 'quote', e.quote, 'start', e.start, 'end', e."end", 'batch', e.batch_id,
                                      'title', e.title) ORDER BY e.place) AS found
  FROM (
    SELECT a.id, a.quote, a.start, a."end", a.batch_id, b.title,
           row_number() OVER (ORDER BY lower(a.valid) NULLS LAST, b.content_hash, a.start, a.n) AS place
    FROM patches_assertion a JOIN patches_patchbatch b ON b.id = a.batch_id
    WHERE a.predicate_id = f.predicate_id AND a.valid && f.valid
      AND a.subject_id = ANY(ARRAY(
        SELECT f.subject_id UNION ALL SELECT x.entity_id FROM patches_alias x
        WHERE x.canonical_id = f.subject_id
          AND CASE WHEN %(history)s THEN x.sys && f.sys WHEN %(seq)s::bigint IS NULL THEN upper_inf(x.sys)
                   ELSE x.sys @> %(seq)s::bigint END))
      AND (a.object_key = f.object_key OR a.object_entity_id = ANY(ARRAY(
        SELECT x.entity_id FROM patches_alias x
        WHERE x.canonical_id = f.object_entity_id
          AND CASE WHEN %(history)s THEN x.sys && f.sys WHEN %(seq)s::bigint IS NULL THEN upper_inf(x.sys)
                   ELSE x.sys @> %(seq)s::bigint END)))
      AND CASE WHEN %(history)s
               THEN EXISTS (SELECT FROM patches_batchlife l WHERE l.batch_id = a.batch_id AND l.sys && f.sys)
               WHEN %(seq)s::bigint IS NULL THEN a.live
               ELSE EXISTS (SELECT FROM patches_batchlife l WHERE l.batch_id = a.batch_id
                              AND l.sys @> %(seq)s::bigint) END
    ORDER BY place LIMIT %(evidence)s
  ) e
) evidence ON true
ORDER BY f.place
