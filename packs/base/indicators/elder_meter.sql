-- Water use of the last day that the feed is complete for, beside the person's own usual day (median of the
-- 56 days before). Water may have run on a missing day, so behind one only the days since it count.
SELECT
  person_id,
  max(litres) FILTER (WHERE day = :elderly_meters_through) AS litres_last_day,
  median(litres) FILTER (WHERE day <= :elderly_meters_through - 7) AS litres_usual,
  :elderly_meters_through - CASE
    WHEN :elderly_meters_unbroken
      OR max(day) FILTER (WHERE litres >= :meter_silent_litres) >= :elderly_meters_since
      THEN max(day) FILTER (WHERE litres >= :meter_silent_litres)
    WHEN max(day) FILTER (WHERE litres >= :meter_silent_litres) IS NOT NULL THEN :elderly_meters_since - 1
  END AS silent_days
FROM elderly_meters
WHERE day > :elderly_meters_through - 63 AND day <= :elderly_meters_through
GROUP BY person_id
