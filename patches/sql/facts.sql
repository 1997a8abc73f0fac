SELECT s.name, f.predicate_id, p.label, f.object_text, lower(f.valid), upper(f.valid), f.precision, f.basis,
       evidence.quote, evidence.source
FROM patches_fact f
JOIN patches_entity s ON s.id = f.subject_id
JOIN patches_predicate p ON p.name = f.predicate_id
LEFT JOIN patches_entity o ON o.id = f.object_entity_id
LEFT JOIN LATERAL (
  SELECT a.quote, r.external_id AS source FROM patches_assertion a
  LEFT JOIN patches_carrier c ON c.batch_id = a.batch_id LEFT JOIN handoffs_reference r ON r.id = c.reference_id
  WHERE a.slot = f.slot AND a.live AND a.object_key = f.object_key
  ORDER BY lower(a.valid) NULLS LAST, r.external_id, a.start LIMIT 1
) evidence ON true
WHERE f.reflection_id = %(reflection)s AND upper_inf(f.sys)
  AND (%(about)s::text IS NULL OR s.key = %(about)s OR o.key = %(about)s)
  AND (%(predicate)s::text IS NULL OR f.predicate_id = %(predicate)s)
ORDER BY lower(f.valid) NULLS FIRST, upper(f.valid) NULLS LAST, s.name, f.predicate_id, f.object_text
