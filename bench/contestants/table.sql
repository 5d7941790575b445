CREATE TABLE IF NOT EXISTS {table} (
  order_id VARCHAR(32), customer_id BIGINT, customer_name VARCHAR(200), customer_email VARCHAR(320),
  country VARCHAR(2), status VARCHAR(16), currency VARCHAR(3), subtotal DECIMAL(12, 2),
  discount DECIMAL(12, 2), shipping DECIMAL(12, 2), is_gift BOOLEAN, order_date DATE,
  delivery_date DATE, ordered_at TIMESTAMPTZ, updated_at TIMESTAMPTZ, note VARCHAR(4000),
  items SUPER, total_amount DECIMAL(13, 2), ingest_date DATE
)
