SELECT DISTINCT person_id
FROM registered_unemployment
WHERE ended_on IS NULL AND registered_on <= :as_of
