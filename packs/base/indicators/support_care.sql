-- What is left of the costs within the insurance's scope after basic and serious-illness insurance, in the 12
-- months that end at the feed's watermark.
-- Where a period of them is missing, no row: unknown.
-- A settlement that does not say its costs in scope counts with nothing.
SELECT
  s.person_id,
  sum(least(coalesce(s.in_scope_cost, 0), s.self_paid + coalesce(s.assistance_paid, 0)))
    AS care_in_scope_year,
  sum(coalesce(s.assistance_paid, 0)) AS care_assisted_year
FROM medical_settlements AS s
WHERE s.settled_on > :medical_settlements_through - INTERVAL 12 MONTH
  AND s.settled_on <= :medical_settlements_through
  AND (
    :medical_settlements_unbroken
    OR :medical_settlements_since <= :medical_settlements_through + 1 - INTERVAL 12 MONTH
  )
GROUP BY s.person_id
