-- A look at twenty of a run's rows.
-- run_date: date
SELECT *
FROM "{database}"."{table}"
WHERE "{partition}" = :run_date
LIMIT 20
