-- Trouble with drinking water that is not repaired, counted to the watermark of the feed. No report in two
-- years: no row, unknown, because nobody may have looked.
SELECT
  m.household_id,
  count(*) FILTER (WHERE w.repaired_on IS NULL OR w.repaired_on > :water_safety_through) AS water_problems,
  coalesce(
    :water_safety_through
    - min(w.found_on) FILTER (
      WHERE w.problem = 'cut_off' AND (w.repaired_on IS NULL OR w.repaired_on > :water_safety_through)
    ),
    0
  ) AS water_cut_days,
  count(*) FILTER (
    WHERE w.problem = 'quality' AND (w.repaired_on IS NULL OR w.repaired_on > :water_safety_through)
  ) AS water_unsafe_reports
FROM water_safety AS w
JOIN member AS m ON m.person_id = w.person_id
WHERE w.found_on > :water_safety_through - INTERVAL 24 MONTH AND w.found_on <= :water_safety_through
GROUP BY m.household_id
