SELECT m.household_id
FROM medical_settlements AS s
JOIN member AS m ON m.person_id = s.person_id
WHERE s.settled_on > :as_of - INTERVAL 12 MONTH
GROUP BY m.household_id
HAVING sum(s.self_paid) > 10000
