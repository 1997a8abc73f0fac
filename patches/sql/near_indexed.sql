-- The nearest by the index, as far as it reaches, and by looking at each passage beyond it.
SELECT id FROM (
  SELECT id, vector <=> %(vector)s::vector AS distance FROM (
    SELECT p.id, p.vector FROM patches_passage p
    WHERE p.reflection_id = %(reflection)s AND {held} AND vector_dims(p.vector) = %(dim)s AND p.id <= %(last)s
    ORDER BY (p.vector::halfvec({dim})) <=> %(vector)s::vector::halfvec({dim}) LIMIT %(candidates)s
  ) within
  UNION ALL
  (SELECT p.id, p.vector <=> %(vector)s::vector FROM patches_passage p
   WHERE p.reflection_id = %(reflection)s AND {held} AND vector_dims(p.vector) = %(dim)s AND p.id > %(last)s
   ORDER BY p.vector <=> %(vector)s::vector, p.id LIMIT %(candidates)s)
) both_sides
ORDER BY distance, id LIMIT %(candidates)s
