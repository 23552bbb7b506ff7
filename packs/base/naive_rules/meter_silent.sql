SELECT DISTINCT person_id
FROM elderly_meters
WHERE :elderly_meters_since <= :elderly_meters_through AND day = :elderly_meters_through AND litres < 10
