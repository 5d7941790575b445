-- Register every partition that lies under the table's location, for example after the catalogue
-- was lost. Publishing registers a run's partition by itself.
MSCK REPAIR TABLE `{database}`.`{table}`
