SELECT jsonb_build_object(
  'kind', 'passage', 'content_hash', b.content_hash, 'n', p.n, 'start', p.start, 'end', p."end", 'text', p.text,
  'vector', encode(sha256(p.vector::text::bytea), 'hex'))
FROM patches_passage p JOIN patches_patchbatch b ON b.id = p.batch_id
WHERE p.reflection_id = %(reflection)s AND p.live
