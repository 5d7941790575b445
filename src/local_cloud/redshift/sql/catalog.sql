-- What Redshift knows of tables and loads, and what happens when a table is made. May be run again.

CREATE SCHEMA IF NOT EXISTS redshift;
GRANT USAGE ON SCHEMA redshift TO PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC;

-- What CREATE TABLE said that PostgreSQL has no place for.
CREATE TABLE IF NOT EXISTS redshift.table_attributes (
    relid oid PRIMARY KEY,
    diststyle text,
    distkey text,
    sortkeys text[],
    encodings jsonb NOT NULL DEFAULT '{}'
);
GRANT SELECT ON redshift.table_attributes TO PUBLIC;

CREATE TABLE IF NOT EXISTS redshift.load_errors (
    userid integer NOT NULL,
    slice integer NOT NULL DEFAULT 0,
    tbl integer NOT NULL,
    starttime timestamp NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'),
    session integer NOT NULL,
    query integer NOT NULL,
    filename char(256) NOT NULL,
    line_number bigint NOT NULL,
    colname char(127) NOT NULL DEFAULT '',
    type char(10) NOT NULL DEFAULT '',
    col_length char(10) NOT NULL DEFAULT '',
    position integer NOT NULL DEFAULT 0,
    raw_line char(1024) NOT NULL DEFAULT '',
    raw_field_value char(1024) NOT NULL DEFAULT '',
    err_code integer NOT NULL,
    err_reason char(256) NOT NULL
);
GRANT SELECT, INSERT ON redshift.load_errors TO PUBLIC;
CREATE SEQUENCE IF NOT EXISTS redshift.query_id START 1000;
GRANT USAGE ON SEQUENCE redshift.query_id TO PUBLIC;

-- After DDL: VARCHAR(n) counts bytes, keys are not enforced, attributes are kept -------------------

CREATE OR REPLACE FUNCTION redshift.limit_bytes(relation oid) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    changes text;
BEGIN
    WITH limits AS (
        SELECT attname, attnum, atttypmod - 4 AS bytes,
            format('redshift_bytes_%s_%s', attnum, atttypmod - 4) AS wanted
        FROM pg_attribute
        WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND atttypmod > 4
            AND atttypid IN ('varchar'::regtype, 'bpchar'::regtype)
    ), kept AS (
        SELECT conname, split_part(conname, '_', 3)::integer AS attnum
        FROM pg_constraint WHERE conrelid = relation AND conname ~ '^redshift_bytes_'
    )
    SELECT string_agg(
        coalesce('DROP CONSTRAINT ' || conname || ', ', '')
            || format('ADD CONSTRAINT %I CHECK (octet_length(%I) <= %s) NOT VALID',
                wanted, attname, bytes), ', ')
    INTO changes
    FROM limits LEFT JOIN kept USING (attnum)
    WHERE conname IS DISTINCT FROM wanted;
    IF changes IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %s %s', relation::regclass, changes);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION redshift.keep_attributes(relation oid) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    said jsonb;
BEGIN
    FOR said IN
        SELECT note[1]::jsonb
        FROM regexp_matches(current_query(), '/[*]redshift:(.*?)[*]/', 'g') AS notes (note)
        WHERE note[1]::jsonb ->> 'table' = (SELECT relname FROM pg_class WHERE oid = relation)
    LOOP
        INSERT INTO redshift.table_attributes AS kept
        SELECT relation, said ->> 'diststyle', said ->> 'distkey',
            (SELECT array_agg(value) FROM jsonb_array_elements_text(said -> 'sortkeys')),
            coalesce(said -> 'encodings', '{}')
        ON CONFLICT (relid) DO UPDATE SET
            diststyle = coalesce(excluded.diststyle, kept.diststyle),
            distkey = coalesce(excluded.distkey, kept.distkey),
            sortkeys = coalesce(excluded.sortkeys, kept.sortkeys),
            encodings = kept.encodings || excluded.encodings;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION redshift.after_ddl() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET allow_system_table_mods = on
    SET standard_conforming_strings = on
    SET search_path = pg_catalog AS $$
DECLARE
    relation oid;
BEGIN
    FOR relation IN
        SELECT DISTINCT commands.objid FROM pg_event_trigger_ddl_commands() AS commands
        JOIN pg_class ON pg_class.oid = commands.objid AND relkind = 'r'
        WHERE classid = 'pg_class'::regclass
    LOOP
        -- An index that is not live is seen by nothing but the catalogue: the key is known, not kept.
        UPDATE pg_index SET indislive = false, indisready = false, indisvalid = false
        WHERE indrelid = relation AND indisunique AND indislive;
        IF found THEN -- and so that every session forgets what it had cached of the table
            UPDATE pg_class SET relhasindex = relhasindex WHERE oid = relation;
        END IF;
        PERFORM redshift.limit_bytes(relation);
        PERFORM redshift.keep_attributes(relation);
    END LOOP;
END
$$;
DROP EVENT TRIGGER IF EXISTS redshift_after_ddl;
CREATE EVENT TRIGGER redshift_after_ddl ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
    EXECUTE FUNCTION redshift.after_ddl();

-- System views -----------------------------------------------------------------------------------

CREATE OR REPLACE VIEW pg_catalog.stl_load_errors AS SELECT * FROM redshift.load_errors;
CREATE OR REPLACE VIEW pg_catalog.sys_load_error_detail AS
SELECT userid AS user_id, query::bigint AS query_id, session AS session_id,
    current_database()::text AS database_name, tbl AS table_id, starttime AS start_time,
    filename AS file_name, line_number, colname AS column_name, type AS column_type,
    col_length AS column_length, position, err_code AS error_code, err_reason AS error_message
FROM redshift.load_errors;

CREATE OR REPLACE VIEW pg_catalog.svv_tables AS
SELECT table_catalog::text, table_schema::text, table_name::text, table_type::text,
    NULL::text AS remarks
FROM information_schema.tables
WHERE table_schema <> 'redshift';

CREATE OR REPLACE VIEW pg_catalog.svv_columns AS
SELECT table_catalog::text, table_schema::text, table_name::text, column_name::text,
    ordinal_position::integer, column_default::text, is_nullable::text, data_type::text,
    character_maximum_length::integer, numeric_precision::integer,
    numeric_precision_radix::integer, numeric_scale::integer, datetime_precision::integer,
    NULL::text AS interval_type, NULL::text AS interval_precision,
    NULL::text AS character_set_catalog, NULL::text AS character_set_schema,
    NULL::text AS character_set_name, NULL::text AS collation_catalog,
    NULL::text AS collation_schema, NULL::text AS collation_name, NULL::text AS domain_name,
    NULL::text AS remarks
FROM information_schema.columns
WHERE table_schema <> 'redshift'
ORDER BY table_schema, table_name, ordinal_position;

CREATE OR REPLACE VIEW pg_catalog.pg_table_def AS
SELECT nspname::text AS schemaname, relname::text AS tablename, attname::text AS "column",
    format_type(atttypid, atttypmod) AS type,
    coalesce(encodings ->> attname, 'none') AS encoding,
    coalesce(distkey = attname, false) AS distkey,
    coalesce(array_position(sortkeys, attname::text), 0) AS sortkey,
    attnotnull AS "notnull"
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r'
JOIN pg_namespace ON pg_namespace.oid = relnamespace
LEFT JOIN redshift.table_attributes ON relid = attrelid
WHERE attnum > 0 AND NOT attisdropped AND nspname <> 'redshift'
    AND nspname = ANY (current_schemas(true))
    AND (nspname <> 'pg_catalog' OR current_setting('search_path') LIKE '%pg_catalog%')
ORDER BY nspname, relname, attnum;

CREATE OR REPLACE FUNCTION redshift.count_rows(relation oid) RETURNS numeric
    LANGUAGE plpgsql STABLE AS $$
DECLARE
    counted numeric;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', relation::regclass) INTO counted;
    RETURN counted;
END
$$;
CREATE OR REPLACE VIEW pg_catalog.svv_table_info AS
SELECT current_database()::text AS database, nspname::text AS schema,
    pg_class.oid AS table_id, relname::text AS "table",
    CASE WHEN encodings IS NULL OR encodings = '{}' THEN 'N' ELSE 'Y' END AS encoded,
    CASE WHEN distkey IS NOT NULL THEN format('KEY(%s)', distkey)
        ELSE coalesce(diststyle, 'AUTO(ALL)') END AS diststyle,
    coalesce(sortkeys[1], 'AUTO(SORTKEY)') AS sortkey1,
    (SELECT max(atttypmod - 4) FROM pg_attribute WHERE attrelid = pg_class.oid
        AND atttypid = 'varchar'::regtype AND atttypmod > 4) AS max_varchar,
    coalesce(cardinality(sortkeys), 0) AS sortkey_num,
    ceil(pg_total_relation_size(pg_class.oid) / 1048576.0)::bigint AS size,
    0::numeric AS unsorted, 0::numeric AS stats_off,
    redshift.count_rows(pg_class.oid) AS tbl_rows,
    redshift.count_rows(pg_class.oid) AS estimated_visible_rows
FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace
LEFT JOIN redshift.table_attributes ON relid = pg_class.oid
WHERE relkind = 'r' AND relpersistence = 'p'
    AND nspname NOT IN ('pg_catalog', 'information_schema', 'redshift');
GRANT SELECT ON pg_catalog.stl_load_errors, pg_catalog.sys_load_error_detail,
    pg_catalog.svv_tables, pg_catalog.svv_columns, pg_catalog.pg_table_def,
    pg_catalog.svv_table_info TO PUBLIC;
