-- What the check of means found. Only of households all of whose members gave their authorisation, and only
-- for 12 months after the check.
WITH checked AS (
  SELECT
    m.household_id,
    max(c.checked_on) AS checked_on,
    arg_max(c.deposits, c.checked_on) AS deposits,
    arg_max(c.companies, c.checked_on) AS companies
  FROM asset_checks AS c
  JOIN member AS m ON m.person_id = c.person_id
  WHERE c.authorised_by_all AND c.checked_on <= :as_of AND c.checked_on > :as_of - INTERVAL 12 MONTH
  GROUP BY m.household_id
),
homes AS (
  SELECT
    m.household_id,
    count(*) FILTER (WHERE p.kind = 'dwelling') AS dwellings,
    count(*) FILTER (WHERE p.kind = 'shop') AS shops
  FROM property_register AS p
  JOIN member AS m ON m.person_id = p.person_id
  WHERE p.recorded_on <= :as_of AND (p.ended_on IS NULL OR p.ended_on > :as_of)
  GROUP BY m.household_id
),
cars AS (
  SELECT m.household_id, count(*) AS cars
  FROM vehicles AS v
  JOIN member AS m ON m.person_id = v.person_id
  WHERE v.kind = 'car' AND v.registered_on <= :as_of AND (v.ended_on IS NULL OR v.ended_on > :as_of)
  GROUP BY m.household_id
)
SELECT
  c.household_id,
  c.deposits AS asset_deposits,
  c.companies AS asset_companies,
  coalesce(homes.dwellings, 0) AS asset_dwellings,
  coalesce(homes.shops, 0) AS asset_shops,
  coalesce(cars.cars, 0) AS asset_cars
FROM checked AS c
LEFT JOIN homes ON homes.household_id = c.household_id
LEFT JOIN cars ON cars.household_id = c.household_id
