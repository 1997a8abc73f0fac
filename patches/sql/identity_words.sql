-- Every word that was ever said on the entities, whether it counts now, and who said it why.
SELECT i.batch_id, e.name, other.name, b.status, told.by, told.note, told.at
FROM patches_identity i
JOIN patches_patchbatch b ON b.id = i.batch_id
JOIN patches_entity e ON e.id = i.entity_id LEFT JOIN patches_entity other ON other.id = i.same_as_id
LEFT JOIN LATERAL (
  SELECT v.by, v.note, v.at FROM ledger_event v
  WHERE v.lifecycle = 'batch' AND v.row_id = b.id AND v.became = b.status ORDER BY v.id DESC LIMIT 1
) told ON true
WHERE i.entity_id = ANY(%(ids)s::uuid[]) OR i.same_as_id = ANY(%(ids)s::uuid[])
ORDER BY i.batch_id, i.n
