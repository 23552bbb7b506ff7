-- How long ago the household left a list of people in need: its risk was eliminated, or its recognition
-- ended. Never on a list: no row, unknown.
WITH ended AS (
  SELECT person_id, eliminated_on AS day FROM monitored_households WHERE eliminated_on <= :as_of
  UNION ALL
  SELECT person_id, ended_on AS day FROM low_income_register WHERE ended_on <= :as_of
)
SELECT
  m.household_id,
  datesub('month', max(e.day), :as_of) AS months_since_lifted_out
FROM ended AS e
JOIN member AS m ON m.person_id = e.person_id
GROUP BY m.household_id
