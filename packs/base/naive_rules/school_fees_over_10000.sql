SELECT m.household_id
FROM school_costs AS c
JOIN member AS m ON m.person_id = c.person_id
WHERE c.school_year > :as_of - INTERVAL 12 MONTH
GROUP BY m.household_id
HAVING sum(c.tuition + c.boarding + c.books) > 10000
