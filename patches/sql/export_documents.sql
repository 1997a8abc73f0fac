SELECT jsonb_build_object(
  'kind', 'document', 'content_hash', b.content_hash, 'title', b.title, 'digest', b.digest,
  'carried_by', (SELECT jsonb_agg(jsonb_build_array(s.name, r.external_id) ORDER BY s.name, r.external_id COLLATE "C")
                 FROM patches_carrier c JOIN handoffs_reference r ON r.id = c.reference_id
                 JOIN handoffs_source s ON s.id = r.source_id WHERE c.batch_id = b.id))
FROM patches_patchbatch b WHERE b.reflection_id = %(reflection)s AND b.status = 'applied' AND b.source_id IS NOT NULL
