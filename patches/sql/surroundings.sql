(WITH recent AS MATERIALIZED (
  SELECT b.id, (SELECT count(*) FROM patches_passage p WHERE p.batch_id = b.id) AS passages
  FROM (SELECT id, source_id, status FROM patches_patchbatch ORDER BY id DESC LIMIT 2000) b
  WHERE b.source_id = %(source)s AND b.status = 'applied' ORDER BY b.id DESC LIMIT 100
)
SELECT jsonb_build_object(
  'seq', (SELECT coalesce(max(seq), 0) FROM patches_applytransaction WHERE reflection_id = %(reflection)s),
  'policy', (SELECT jsonb_build_object('name', name, 'version', version, 'body', body)
             FROM patches_gatepolicy WHERE reflection_id = %(reflection)s ORDER BY version DESC LIMIT 1),
  'vocabulary', (SELECT jsonb_object_agg(name, jsonb_build_array(cardinality, subject_types, object_types))
                 FROM patches_predicate),
  'now', now(),
  'golden', (SELECT jsonb_agg(jsonb_build_object('id', id, 'question', question, 'k', k, 'documents', documents,
                                                 'facts', facts, 'recipe', recipe) ORDER BY id)
             FROM patches_goldenquestion WHERE reflection_id = %(reflection)s),
  'near', (SELECT jsonb_build_object('dim', dim, 'last', (
             SELECT coalesce(max(substring(c.relname FROM '_(\d+)$')::bigint), 0)
             FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
             WHERE i.indrelid = 'patches_passage'::regclass AND i.indisvalid AND c.relname ^@ ('passage_near_' || dim || '_')))
           FROM (SELECT vector_dims(vector) AS dim FROM patches_goldenquestion
                 WHERE reflection_id = %(reflection)s AND recipe = %(recipe)s LIMIT 1) g),
  'aliases', (SELECT jsonb_object_agg(e.id, jsonb_build_array(c.id, c.key, c.name))
              FROM patches_alias x JOIN patches_entity e ON e.id = x.entity_id JOIN patches_entity c ON c.id = x.canonical_id
              WHERE upper_inf(x.sys) AND e.reflection_id = %(reflection)s AND ((e.type, e.key) IN (
                SELECT unnest(ARRAY[p.payload ->> 'subject_type', p.payload ->> 'object_type']),
                       unnest(ARRAY[p.payload ->> 'subject_key', p.payload ->> 'object_key'])
                FROM patches_patch p WHERE p.batch_id = ANY(%(batches)s) AND p.op = 'assert_fact')
                OR e.id::text IN (
                  SELECT unnest(ARRAY[f ->> 'subject_id', f ->> 'object_id'])
                  FROM patches_goldenquestion g, jsonb_array_elements(g.facts) f
                  WHERE g.reflection_id = %(reflection)s))),
  'open_facts', (SELECT count(*) FROM (SELECT FROM patches_fact
                 WHERE reflection_id = %(reflection)s AND upper_inf(sys) LIMIT 10000) f),
  'passages', (SELECT jsonb_agg(passages) FROM recent),
  'predicates', (SELECT jsonb_object_agg(predicate_id, claims) FROM (
                   SELECT a.predicate_id, count(*) AS claims
                   FROM recent JOIN patches_assertion a ON a.batch_id = recent.id GROUP BY 1) mix),
  'centroid', (SELECT avg(p.vector)::text FROM recent JOIN patches_passage p ON p.batch_id = recent.id
               GROUP BY vector_dims(p.vector) ORDER BY count(*) DESC LIMIT 1)))
