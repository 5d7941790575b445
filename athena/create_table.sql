-- The table that publishing makes through the Glue API, as DDL. Columns, comments, location and
-- properties come from the contract.
CREATE EXTERNAL TABLE IF NOT EXISTS `{database}`.`{table}` (
{columns}
)
COMMENT {comment}
PARTITIONED BY ({partition_keys})
STORED AS PARQUET
LOCATION {location}
TBLPROPERTIES ({properties})
