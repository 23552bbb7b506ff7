-- The household's newest check of means within a year: whom it asked, who has answered. One check is all
-- requests of 30 days up to the newest.
-- Without the authorisation of all adult members nothing was asked: none is silent, and nothing is known of
-- money.
WITH newest AS (
  SELECT m.household_id, max(i.requested_on) AS requested_on
  FROM institution_checks AS i
  JOIN member AS m ON m.person_id = i.person_id
  WHERE i.authorised_by_all
    AND i.requested_on > :institution_checks_through - INTERVAL 12 MONTH
    AND i.requested_on <= :institution_checks_through
  GROUP BY m.household_id
),
asked AS (
  SELECT
    m.household_id,
    count(*) AS institutions,
    count(*) FILTER (WHERE i.answered_on IS NULL) AS silent,
    min(i.requested_on) FILTER (WHERE i.answered_on IS NULL) AS first_on,
    sum(i.balance) AS balance
  FROM institution_checks AS i
  JOIN member AS m ON m.person_id = i.person_id
  JOIN
    newest
    ON newest.household_id = m.household_id
      AND i.requested_on > newest.requested_on - 30
      AND i.requested_on <= newest.requested_on
  WHERE i.authorised_by_all
  GROUP BY m.household_id
)
SELECT
  h.household_id,
  CASE WHEN :institution_checks_through IS NOT NULL THEN coalesce(a.institutions, 0) END
    AS institutions_asked,
  CASE WHEN :institution_checks_through IS NOT NULL THEN coalesce(a.silent, 0) END AS institutions_silent,
  :institution_checks_through - a.first_on AS institution_waiting_days,
  CASE WHEN a.silent = 0 THEN coalesce(a.balance, 0) END AS financial_assets
FROM (SELECT DISTINCT household_id FROM member) AS h
LEFT JOIN asked AS a ON a.household_id = h.household_id
