-- An elderly person's water use, mean litres a day of the month's days with a reading. Only months that the
-- feed is complete for.
SELECT person_id, date_trunc('month', day)::DATE AS month, sum(litres) / count(*) AS value
FROM elderly_meters
WHERE day >= :elderly_meters_month - INTERVAL 23 MONTH AND day < :elderly_meters_month + INTERVAL 1 MONTH
GROUP BY person_id, date_trunc('month', day)::DATE
