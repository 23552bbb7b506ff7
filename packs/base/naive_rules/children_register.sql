SELECT DISTINCT person_id
FROM children_register
WHERE kind <> 'floating' AND ended_on IS NULL AND recorded_on <= :as_of
