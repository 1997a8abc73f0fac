-- The passages whose vectors are nearest, by looking at each.
SELECT p.id FROM patches_passage p
WHERE p.reflection_id = %(reflection)s AND {held} AND vector_dims(p.vector) = %(dim)s
ORDER BY p.vector <=> %(vector)s::vector, p.id LIMIT %(candidates)s
