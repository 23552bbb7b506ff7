-- Complete months in a row without any insured wage in the household, counted to the watermark of the feed; 0
-- is a wage in the last one.
-- A wage may have been paid in a missing month, so behind one only the months since it count.
-- Nobody with an insured wage within 15 months: no row, unknown.
SELECT
  m.household_id,
  datediff(
    'month',
    CASE
      WHEN :insured_wages_unbroken OR max(w.month) >= :insured_wages_since THEN max(w.month)
      ELSE :insured_wages_since - INTERVAL 1 MONTH
    END,
    :insured_wages_month
  ) AS insured_months_missing
FROM insured_wages AS w
JOIN member AS m ON m.person_id = w.person_id
WHERE w.month > :insured_wages_month - INTERVAL 15 MONTH AND w.month <= :insured_wages_month AND w.wage > 0
GROUP BY m.household_id
