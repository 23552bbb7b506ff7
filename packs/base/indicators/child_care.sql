-- Who looks after each child that lives here: the register of children in need of care, and the grown-ups who
-- live at home. Where a delivery of a register is missing, what rests on it is unknown.
WITH listed AS (
  SELECT
    person_id,
    bool_or(kind IN ('unattended', 'orphan')) AS unattended,
    bool_or(guardian = 'none') AS without_guardian
  FROM children_register
  WHERE recorded_on <= :as_of AND (ended_on IS NULL OR ended_on > :as_of)
  GROUP BY person_id
),
paid AS (
  SELECT DISTINCT person_id
  FROM allowances_paid
  WHERE month = :allowances_paid_month AND allowance = 'child'
),
home AS (
  SELECT
    household_id,
    count(*) FILTER (WHERE age >= 18) AS adults,
    count(*) FILTER (WHERE age BETWEEN :able_age_from AND :able_age_to) AS carers
  FROM (
    SELECT household_id, datesub('year', birth_date, :as_of) AS age
    FROM population_register
    WHERE status = 'resident' AND household_id IS NOT NULL
  )
  GROUP BY household_id
)
SELECT
  c.person_id,
  CASE WHEN :children_register_unbroken THEN listed.person_id IS NOT NULL END AS child_registered,
  CASE WHEN :children_register_unbroken THEN coalesce(listed.unattended, false) END
    AS child_registered_unattended,
  CASE WHEN :children_register_unbroken THEN coalesce(listed.without_guardian, false) END
    AS child_guardian_missing,
  CASE WHEN :allowances_paid_since <= :allowances_paid_month THEN paid.person_id IS NOT NULL END
    AS child_allowance_paid,
  CASE WHEN coalesce(:population_register_unbroken, true) THEN home.adults END AS adults_at_home,
  CASE WHEN coalesce(:population_register_unbroken, true) THEN home.carers END AS carers_at_home
FROM population_register AS c
JOIN home ON home.household_id = c.household_id
LEFT JOIN listed ON listed.person_id = c.person_id
LEFT JOIN paid ON paid.person_id = c.person_id
WHERE c.status = 'resident'
  AND c.birth_date >= :as_of - to_years(:child_age)
  AND datesub('year', c.birth_date, :as_of) < :child_age
