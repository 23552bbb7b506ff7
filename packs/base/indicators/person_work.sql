-- Who is registered as unemployed, at the feed's watermark. An insured wage in a later month than the
-- registration means work again, whatever the register says. Where a delivery is missing that could end it,
-- it is unknown.
WITH latest AS (
  SELECT
    person_id,
    max(registered_on) AS registered_on,
    arg_max(coalesce(ended_on, DATE '9999-12-31'), registered_on) AS ended_on
  FROM registered_unemployment
  WHERE registered_on <= :registered_unemployment_through
  GROUP BY person_id
),
again AS (
  SELECT w.person_id, max(w.month) AS month
  FROM latest AS l
  JOIN insured_wages AS w ON w.person_id = l.person_id
  WHERE w.month > l.registered_on AND w.month <= :as_of AND w.wage > 0
  GROUP BY w.person_id
)
SELECT
  l.person_id,
  CASE
    WHEN again.person_id IS NOT NULL OR l.ended_on <= :registered_unemployment_through THEN false
    WHEN :registered_unemployment_unbroken
      AND coalesce(:insured_wages_since <= l.registered_on, true)
      THEN true
  END AS unemployed,
  :registered_unemployment_through - l.registered_on AS unemployed_days
FROM latest AS l
LEFT JOIN again ON again.person_id = l.person_id
