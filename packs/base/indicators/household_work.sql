-- Complete months in a row without any insured wage in the household, counted to the watermark of the feed; 0
-- is a wage in the last one.
-- Nobody with an insured wage within 15 months: no row, unknown.
SELECT m.household_id, datediff('month', max(w.month), :insured_wages_month) AS insured_months_missing
FROM insured_wages AS w
JOIN member AS m ON m.person_id = w.person_id
WHERE w.month > :insured_wages_month - INTERVAL 15 MONTH AND w.month <= :insured_wages_month AND w.wage > 0
GROUP BY m.household_id
