-- Orders and revenue by run date, status and currency.
-- first_date: date
-- last_date: date
SELECT
  "{partition}",
  status,
  currency,
  count(*) AS orders,
  sum(total_amount) AS revenue,
  sum(discount) AS discounts
FROM "{database}"."{table}"
WHERE "{partition}" BETWEEN :first_date AND :last_date
GROUP BY "{partition}", status, currency
ORDER BY "{partition}", status, currency
