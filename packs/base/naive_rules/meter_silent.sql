SELECT DISTINCT person_id
FROM elderly_meters
WHERE day = :elderly_meters_through AND litres < 10
