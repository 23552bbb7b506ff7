-- Water use of the last day that the feed is complete for, beside the person's own usual day (median of the
-- 56 days before).
SELECT
  person_id,
  max(litres) FILTER (WHERE day = :elderly_meters_through) AS litres_last_day,
  median(litres) FILTER (WHERE day <= :elderly_meters_through - 7) AS litres_usual,
  :elderly_meters_through - max(day) FILTER (WHERE litres >= :meter_silent_litres) AS silent_days
FROM elderly_meters
WHERE day > :elderly_meters_through - 63 AND day <= :elderly_meters_through
GROUP BY person_id
