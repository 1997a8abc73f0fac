-- What the store holds where a flight touches it: the carriers of the batches that the flight's references carry now,
-- and of the slots given and those of these batches the live assertions, by whom they count as, and the open facts.
-- Also sets how far the index over vectors is searched by the next statement of the same transaction.
WITH leaving AS MATERIALIZED (
  SELECT c.batch_id, c.reference_id FROM patches_carrier c WHERE c.batch_id IN (
    SELECT batch_id FROM patches_carrier WHERE reference_id = ANY(%(references)s::uuid[]))
),
touched AS MATERIALIZED (
  SELECT unnest(%(slots)s::uuid[]) AS slot
  UNION SELECT a.slot FROM patches_assertion a
        WHERE a.live AND a.batch_id IN (SELECT batch_id FROM leaving) AND a.batch_id <> ALL(%(batches)s::bigint[])
)
SELECT 'tuned', NULL::uuid, NULL::bigint, NULL::uuid, NULL::int, set_config('hnsw.ef_search', '300', true),
       set_config('hnsw.iterative_scan', 'relaxed_order', true), '', NULL::timestamptz, NULL::timestamptz, '', '', NULL,
       '', ''
UNION ALL
SELECT 'carrier', NULL::uuid, batch_id, reference_id, NULL::int, '', '', '', NULL::timestamptz, NULL::timestamptz,
       '', '', NULL, '', ''
FROM leaving
UNION ALL
SELECT 'assertion', a.slot, a.batch_id, NULL, o.trust, coalesce(cs.name, s.name), a.predicate_id, p.cardinality,
       lower(a.valid), upper(a.valid), coalesce(co.key, a.object_key), coalesce(co.name, a.object_text),
       coalesce(co.id, a.object_entity_id)::text, a.precision, a.basis
FROM patches_assertion a JOIN touched USING (slot) JOIN patches_entity s ON s.id = a.subject_id
JOIN patches_predicate p ON p.name = a.predicate_id JOIN patches_patchbatch b ON b.id = a.batch_id
JOIN handoffs_source o ON o.id = b.source_id
LEFT JOIN patches_alias xs ON xs.entity_id = a.subject_id AND upper_inf(xs.sys)
LEFT JOIN patches_alias xo ON xo.entity_id = a.object_entity_id AND upper_inf(xo.sys)
LEFT JOIN patches_entity cs ON cs.id = xs.canonical_id LEFT JOIN patches_entity co ON co.id = xo.canonical_id
WHERE a.live
UNION ALL
SELECT 'fact', f.slot, NULL, NULL, NULL, s.name, f.predicate_id, p.cardinality, lower(f.valid),
       upper(f.valid), f.object_key, f.object_text, f.object_entity_id::text, f.precision, f.basis
FROM patches_fact f JOIN touched USING (slot) JOIN patches_entity s ON s.id = f.subject_id
JOIN patches_predicate p ON p.name = f.predicate_id
WHERE upper_inf(f.sys)
