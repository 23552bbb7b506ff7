SELECT p.person_id
FROM population_register AS p
LEFT JOIN school_register AS s ON s.person_id = p.person_id AND s.status = 'enrolled'
WHERE datesub('year', p.birth_date, :as_of) BETWEEN 6 AND 15 AND s.person_id IS NULL
