-- The daily totals as a table of their own. Athena refuses a name that is taken.
-- target: identifier
-- first_date: date
-- last_date: date
CREATE TABLE "{database}"."{target}"
WITH (format = 'PARQUET', write_compression = 'SNAPPY') AS
SELECT
  "{partition}",
  status,
  currency,
  count(*) AS orders,
  sum(total_amount) AS revenue
FROM "{database}"."{table}"
WHERE "{partition}" BETWEEN :first_date AND :last_date
GROUP BY "{partition}", status, currency
