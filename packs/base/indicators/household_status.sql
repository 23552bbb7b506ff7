-- Which lists of people in need the household stands on. An entry counts from its recognition until it ends
-- or runs out. Where a delivery of a list is missing, what it says is unknown.
WITH listed AS (
  SELECT
    m.household_id,
    bool_or(r.category <> 'extreme_poverty') AS low_income,
    count(DISTINCT living.person_id) FILTER (WHERE r.category = 'extreme_poverty') AS in_extreme_poverty
  FROM low_income_register AS r
  JOIN member AS m ON m.person_id = r.person_id
  LEFT JOIN population_register AS living ON living.person_id = r.person_id
  WHERE r.recognised_on <= :as_of
    AND (r.ended_on IS NULL OR r.ended_on > :as_of)
    AND (r.valid_until IS NULL OR r.valid_until >= :as_of)
  GROUP BY m.household_id
),
watched AS (
  SELECT m.household_id, count(*) AS entries
  FROM monitored_households AS w
  JOIN member AS m ON m.person_id = w.person_id
  WHERE w.recognised_on <= :as_of AND (w.eliminated_on IS NULL OR w.eliminated_on > :as_of)
  GROUP BY m.household_id
)
SELECT
  h.household_id,
  CASE WHEN :low_income_register_unbroken THEN coalesce(listed.low_income, false) END AS low_income_listed,
  CASE WHEN :low_income_register_unbroken THEN coalesce(listed.in_extreme_poverty, 0) END
    AS extreme_poverty_members,
  CASE WHEN :monitored_households_unbroken THEN watched.household_id IS NOT NULL END AS monitored
FROM (SELECT DISTINCT household_id FROM member) AS h
LEFT JOIN listed ON listed.household_id = h.household_id
LEFT JOIN watched ON watched.household_id = h.household_id
