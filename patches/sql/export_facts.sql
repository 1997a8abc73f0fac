SELECT jsonb_build_object(
  'kind', 'fact', 'subject', jsonb_build_array(s.type, s.key), 'predicate', f.predicate_id,
  'object', jsonb_build_array(coalesce(o.type, 'value'), f.object_key),
  'valid', f.valid::text, 'precision', f.precision, 'basis', f.basis,
  'evidence', (SELECT jsonb_agg(jsonb_build_array(b.content_hash, a.start, a."end", a.quote)
                                ORDER BY b.content_hash, a.start, a."end", a.n)
               FROM patches_assertion a JOIN patches_patchbatch b ON b.id = a.batch_id
               WHERE a.slot = f.slot AND a.live AND (a.object_key = f.object_key OR a.object_entity_id IN (
                 SELECT x.entity_id FROM patches_alias x WHERE x.canonical_id = f.object_entity_id AND upper_inf(x.sys)))))
FROM patches_fact f JOIN patches_entity s ON s.id = f.subject_id LEFT JOIN patches_entity o ON o.id = f.object_entity_id
WHERE f.reflection_id = %(reflection)s AND upper_inf(f.sys)
