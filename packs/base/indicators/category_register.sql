-- Under which categories the household is recognised, since when, and what was done for a monitored one.
-- Entries count from recognition until they end or run out. Months are whole months since the latest
-- recognition. Where a delivery of a list is missing, what it says is unknown.
WITH listed AS (
  SELECT
    m.household_id,
    bool_or(r.category = 'margin') AS margin,
    bool_or(r.category = 'rigid_spending') AS rigid,
    bool_or(r.category = 'illness_impoverished') AS impoverished,
    max(r.recognised_on) FILTER (WHERE r.category = 'margin') AS margin_on,
    max(r.recognised_on) FILTER (WHERE r.category = 'rigid_spending') AS rigid_on,
    max(r.recognised_on) FILTER (WHERE r.category = 'illness_impoverished') AS impoverished_on
  FROM low_income_register AS r
  JOIN member AS m ON m.person_id = r.person_id
  WHERE coalesce(:low_income_register_unbroken, true)
    AND r.recognised_on <= :as_of
    AND (r.ended_on IS NULL OR r.ended_on > :as_of)
    AND (r.valid_until IS NULL OR r.valid_until >= :as_of)
  GROUP BY m.household_id
),
watched AS (
  SELECT
    m.household_id,
    bool_or(w.kind IN ('unstable', 'marginal')) AS unstable,
    bool_or(w.kind = 'sudden') AS sudden,
    min(w.recognised_on) AS recognised_on,
    sum(w.measures) AS measures,
    min(w.stable_income_months) AS stable_months,
    bool_and(w.labour_capacity) AS labour_capacity
  FROM monitored_households AS w
  JOIN member AS m ON m.person_id = w.person_id
  WHERE coalesce(:monitored_households_unbroken, true)
    AND w.recognised_on <= :as_of
    AND (w.eliminated_on IS NULL OR w.eliminated_on > :as_of)
  GROUP BY m.household_id
)
SELECT
  h.household_id,
  CASE WHEN :low_income_register_unbroken THEN coalesce(listed.margin, false) END AS register_margin,
  CASE WHEN :low_income_register_unbroken THEN coalesce(listed.rigid, false) END AS register_rigid,
  CASE WHEN :low_income_register_unbroken THEN coalesce(listed.impoverished, false) END
    AS register_impoverished,
  datesub('month', listed.margin_on, :as_of) AS register_margin_months,
  datesub('month', listed.rigid_on, :as_of) AS register_rigid_months,
  datesub('month', listed.impoverished_on, :as_of) AS register_impoverished_months,
  CASE WHEN :monitored_households_unbroken THEN coalesce(watched.unstable, false) END AS monitored_unstable,
  CASE WHEN :monitored_households_unbroken THEN coalesce(watched.sudden, false) END AS monitored_sudden,
  datesub('month', watched.recognised_on, :as_of) AS monitored_months,
  watched.measures AS monitored_measures,
  watched.stable_months AS monitored_stable_months,
  watched.labour_capacity AS monitored_labour
FROM (SELECT DISTINCT household_id FROM member) AS h
LEFT JOIN listed ON listed.household_id = h.household_id
LEFT JOIN watched ON watched.household_id = h.household_id
