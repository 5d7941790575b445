-- How many rows a run has published.
-- run_date: date
SELECT count(*) AS row_count
FROM "{database}"."{table}"
WHERE "{partition}" = :run_date
