-- Redshift's functions, as far as rewriting the statement cannot do them. May be run again.

-- Aggregates: SUM of BIGINT and AVG of whole numbers are BIGINT ----------------------------------

CREATE OR REPLACE AGGREGATE pg_catalog.sum(bigint)
    (SFUNC = int8pl, STYPE = bigint, COMBINEFUNC = int8pl, PARALLEL = SAFE);

CREATE OR REPLACE FUNCTION pg_catalog.redshift_add(numeric, super) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN $2 IS NULL THEN $1 ELSE coalesce($1, 0) + $2::numeric END;
CREATE OR REPLACE AGGREGATE pg_catalog.sum(super) (SFUNC = redshift_add, STYPE = numeric);

CREATE OR REPLACE FUNCTION pg_catalog.redshift_average(bigint[]) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN $1[1] > 0 THEN $1[2] / $1[1] END;
CREATE OR REPLACE FUNCTION pg_catalog.redshift_count_add(bigint[], bigint) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ARRAY[$1[1] + 1, $1[2] + $2];
CREATE OR REPLACE AGGREGATE pg_catalog.avg(smallint)
    (SFUNC = int2_avg_accum, STYPE = bigint[], FINALFUNC = redshift_average, INITCOND = '{0,0}');
CREATE OR REPLACE AGGREGATE pg_catalog.avg(integer)
    (SFUNC = int4_avg_accum, STYPE = bigint[], FINALFUNC = redshift_average, INITCOND = '{0,0}');
CREATE OR REPLACE AGGREGATE pg_catalog.avg(bigint)
    (SFUNC = redshift_count_add, STYPE = bigint[], FINALFUNC = redshift_average, INITCOND = '{0,0}');

-- Dates and times --------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pg_catalog.getdate() RETURNS timestamp
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN date_trunc('second', statement_timestamp()::timestamp);
CREATE OR REPLACE FUNCTION pg_catalog.sysdate() RETURNS timestamp
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN transaction_timestamp()::timestamp;

-- The one name that PostgreSQL knows a date part by.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_part(part text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN CASE
        WHEN lower(part) IN ('millennium', 'millennia', 'mil', 'mils') THEN 'millennium'
        WHEN lower(part) IN ('century', 'centuries', 'c', 'cent', 'cents') THEN 'century'
        WHEN lower(part) IN ('decade', 'decades', 'dec', 'decs') THEN 'decade'
        WHEN lower(part) IN ('year', 'years', 'y', 'yr', 'yrs') THEN 'year'
        WHEN lower(part) IN ('quarter', 'quarters', 'qtr', 'qtrs') THEN 'quarter'
        WHEN lower(part) IN ('month', 'months', 'mon', 'mons') THEN 'month'
        WHEN lower(part) IN ('week', 'weeks', 'w') THEN 'week'
        WHEN lower(part) IN ('day', 'days', 'd') THEN 'day'
        WHEN lower(part) IN ('hour', 'hours', 'h', 'hr', 'hrs') THEN 'hour'
        WHEN lower(part) IN ('minute', 'minutes', 'm', 'min', 'mins') THEN 'minute'
        WHEN lower(part) IN ('second', 'seconds', 's', 'sec', 'secs') THEN 'second'
        WHEN lower(part) IN ('millisecond', 'milliseconds', 'ms', 'msec', 'msecs', 'msecond',
            'mseconds', 'millisec', 'millisecs', 'millisecon') THEN 'millisecond'
        WHEN lower(part) IN ('microsecond', 'microseconds', 'us', 'usec', 'usecs', 'usecond',
            'useconds', 'microsec', 'microsecs', 'microsecon') THEN 'microsecond'
    END;
END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_interval(part text, n bigint) RETURNS interval
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    unit text := redshift_part(part);
BEGIN
    IF unit IS NULL THEN
        RAISE EXCEPTION 'unrecognized date part: %', part USING ERRCODE = '22023';
    END IF;
    RETURN CASE unit
        WHEN 'quarter' THEN make_interval(months => (n * 3)::integer)
        WHEN 'millennium' THEN make_interval(years => (n * 1000)::integer)
        WHEN 'century' THEN make_interval(years => (n * 100)::integer)
        WHEN 'decade' THEN make_interval(years => (n * 10)::integer)
        WHEN 'year' THEN make_interval(years => n::integer)
        WHEN 'month' THEN make_interval(months => n::integer)
        WHEN 'week' THEN make_interval(weeks => n::integer)
        WHEN 'day' THEN make_interval(days => n::integer)
        ELSE n * ('1 ' || unit)::interval
    END;
END
$$;
CREATE OR REPLACE FUNCTION pg_catalog.dateadd(part text, n bigint, at timestamp) RETURNS timestamp
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN at + redshift_interval(part, n);
CREATE OR REPLACE FUNCTION pg_catalog.dateadd(part text, n bigint, at timestamptz)
    RETURNS timestamptz
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN at + redshift_interval(part, n);
CREATE OR REPLACE FUNCTION pg_catalog.dateadd(part text, n bigint, at date) RETURNS timestamp
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN at::timestamp + redshift_interval(part, n);

-- How many boundaries of the part lie between the two.
CREATE OR REPLACE FUNCTION pg_catalog.datediff(part text, start timestamp, finish timestamp)
    RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    unit text := redshift_part(part);
    years integer := extract(year FROM finish) - extract(year FROM start);
BEGIN
    IF unit IS NULL THEN
        RAISE EXCEPTION 'unrecognized date part: %', part USING ERRCODE = '22023';
    END IF;
    RETURN CASE unit
        WHEN 'year' THEN years
        WHEN 'quarter' THEN
            years * 4 + extract(quarter FROM finish) - extract(quarter FROM start)
        WHEN 'month' THEN years * 12 + extract(month FROM finish) - extract(month FROM start)
        WHEN 'week' THEN
            (date_trunc('week', finish)::date - date_trunc('week', start)::date) / 7
        WHEN 'day' THEN finish::date - start::date
        WHEN 'hour' THEN
            extract(epoch FROM date_trunc('hour', finish) - date_trunc('hour', start)) / 3600
        WHEN 'minute' THEN
            extract(epoch FROM date_trunc('minute', finish) - date_trunc('minute', start)) / 60
        WHEN 'second' THEN
            extract(epoch FROM date_trunc('second', finish) - date_trunc('second', start))
        WHEN 'millisecond' THEN extract(epoch FROM
            date_trunc('millisecond', finish) - date_trunc('millisecond', start)) * 1000
        WHEN 'microsecond' THEN extract(epoch FROM finish - start) * 1000000
        ELSE extract(unit FROM finish) - extract(unit FROM start)
    END;
END
$$;
CREATE OR REPLACE FUNCTION pg_catalog.datediff(part text, start date, finish date) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN datediff(part, start::timestamp, finish::timestamp);
CREATE OR REPLACE FUNCTION pg_catalog.datediff(part text, start timestamptz, finish timestamptz)
    RETURNS bigint
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN datediff(part, start AT TIME ZONE 'UTC', finish AT TIME ZONE 'UTC');

-- PostgreSQL would make a TIMESTAMPTZ of the date.
CREATE OR REPLACE FUNCTION pg_catalog.date_trunc(part text, at date) RETURNS timestamp
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN date_trunc(part, at::timestamp);
CREATE OR REPLACE FUNCTION pg_catalog.trunc(at timestamp) RETURNS date
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN at::date;
CREATE OR REPLACE FUNCTION pg_catalog.last_day(at timestamp) RETURNS date
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (date_trunc('month', at) + interval '1 month' - interval '1 day')::date;
CREATE OR REPLACE FUNCTION pg_catalog.last_day(at date) RETURNS date
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN last_day(at::timestamp);
-- The last day of a month gives the last day of the month.
CREATE OR REPLACE FUNCTION pg_catalog.add_months(at timestamp, n integer) RETURNS timestamp
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN at::date = last_day(at)
        THEN last_day(at + make_interval(months => n)) + at::time
        ELSE at + make_interval(months => n) END;
CREATE OR REPLACE FUNCTION pg_catalog.add_months(at date, n integer) RETURNS timestamp
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN add_months(at::timestamp, n);
CREATE OR REPLACE FUNCTION pg_catalog.months_between(a timestamp, b timestamp) RETURNS float8
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN datediff('month', b, a) + CASE
        WHEN extract(day FROM a) = extract(day FROM b)
            OR a::date = last_day(a) AND b::date = last_day(b) THEN 0
        ELSE (extract(day FROM a) - extract(day FROM b)
            + extract(epoch FROM a::time - b::time) / 86400) / 31 END;
CREATE OR REPLACE FUNCTION pg_catalog.convert_timezone(zone text, at timestamp) RETURNS timestamp
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN at AT TIME ZONE 'UTC' AT TIME ZONE zone;
CREATE OR REPLACE FUNCTION pg_catalog.convert_timezone(source text, target text, at timestamp)
    RETURNS timestamp
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN at AT TIME ZONE source AT TIME ZONE target;

-- Text -------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pg_catalog.concat(text, text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN $1 || $2;
CREATE OR REPLACE FUNCTION pg_catalog.len(text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN length($1);
CREATE OR REPLACE FUNCTION pg_catalog.charindex(part text, whole text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN strpos(whole, part);
-- Every match is replaced; PostgreSQL replaces the first.
CREATE OR REPLACE FUNCTION pg_catalog.regexp_replace(text, text, text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN regexp_replace($1, $2, $3, 'g');
CREATE OR REPLACE FUNCTION pg_catalog.regexp_replace(text, text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN regexp_replace($1, $2, '', 'g');

CREATE OR REPLACE FUNCTION pg_catalog.redshift_digits(digits text, base integer) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    value bigint := 0;
    digit integer;
    negative boolean := left(digits, 1) = '-';
    body text := lower(ltrim(digits, '+-'));
BEGIN
    IF base NOT BETWEEN 2 AND 36 THEN
        RAISE EXCEPTION 'The base must be between 2 and 36' USING ERRCODE = '22023';
    END IF;
    FOR i IN 1 .. length(body) LOOP
        digit := strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(body, i, 1)) - 1;
        IF digit < 0 OR digit >= base THEN
            RAISE EXCEPTION 'The input % is not valid to be converted to base %', digits, base
                USING ERRCODE = '22023';
        END IF;
        value := value * base + digit;
    END LOOP;
    RETURN CASE WHEN negative THEN -value ELSE value END;
END
$$;
CREATE OR REPLACE FUNCTION pg_catalog.strtol(digits text, base integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN base = 16 AND digits ~ '^[0-9a-fA-F]{1,15}$'
        THEN ('x' || lpad(digits, 16, '0'))::bit(64)::bigint
        ELSE redshift_digits(digits, base) END;

-- Hashes -----------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pg_catalog.sha2(content text, bits integer) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    bytes bytea := convert_to(content, 'UTF8');
BEGIN
    RETURN CASE bits
        WHEN 0 THEN encode(sha256(bytes), 'hex')
        WHEN 224 THEN encode(sha224(bytes), 'hex')
        WHEN 256 THEN encode(sha256(bytes), 'hex')
        WHEN 384 THEN encode(sha384(bytes), 'hex')
        WHEN 512 THEN encode(sha512(bytes), 'hex')
    END;
END
$$;

CREATE OR REPLACE FUNCTION pg_catalog.redshift_rotate(x bigint, n integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ((x << n) | (x >> (32 - n))) & 4294967295;
-- FIPS 180-4; PostgreSQL has SHA-1 only in an extension.
CREATE OR REPLACE FUNCTION pg_catalog.sha1(content text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    message bytea := convert_to(content, 'UTF8');
    size bigint := length(message);
    h bigint[] := ARRAY[1732584193, 4023233417, 2562383102, 271733878, 3285377520];
    v bigint[];
    w bigint[];
    f bigint;
    k bigint;
BEGIN
    message := message || decode('80' || repeat('00', (119 - size % 64)::integer % 64), 'hex')
        || int8send(size * 8);
    FOR block IN 0 .. length(message) / 64 - 1 LOOP
        FOR i IN 0 .. 79 LOOP
            w[i] := CASE WHEN i < 16
                THEN ('x' || encode(substr(message, block * 64 + i * 4 + 1, 4), 'hex'))::bit(32)
                    ::bigint
                ELSE redshift_rotate(w[i - 3] # w[i - 8] # w[i - 14] # w[i - 16], 1) END;
        END LOOP;
        v := h;
        FOR i IN 0 .. 79 LOOP
            CASE i / 20
                WHEN 0 THEN
                    f := (v[2] & v[3]) | (~v[2] & v[4]);
                    k := 1518500249;
                WHEN 1 THEN
                    f := v[2] # v[3] # v[4];
                    k := 1859775393;
                WHEN 2 THEN
                    f := (v[2] & v[3]) | (v[2] & v[4]) | (v[3] & v[4]);
                    k := 2400959708;
                ELSE
                    f := v[2] # v[3] # v[4];
                    k := 3395469782;
            END CASE;
            v := ARRAY[
                (redshift_rotate(v[1], 5) + (f & 4294967295) + v[5] + k + w[i]) & 4294967295,
                v[1], redshift_rotate(v[2], 30), v[3], v[4]];
        END LOOP;
        FOR i IN 1 .. 5 LOOP
            h[i] := (h[i] + v[i]) & 4294967295;
        END LOOP;
    END LOOP;
    RETURN (SELECT string_agg(lpad(to_hex(part), 8, '0'), '' ORDER BY place)
        FROM unnest(h) WITH ORDINALITY AS parts (part, place));
END
$$;
CREATE OR REPLACE FUNCTION pg_catalog.sha(text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN sha1($1);
CREATE OR REPLACE FUNCTION pg_catalog.func_sha1(text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN sha1($1);

-- FNV-1a in 64 bits, by halves, because BIGINT would overflow: the prime is 2^40 + 435.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_fnv(bytes bytea, seed bigint) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    high bigint := (seed >> 32) & 4294967295;
    low bigint := seed & 4294967295;
    product bigint;
BEGIN
    FOR i IN 0 .. length(bytes) - 1 LOOP
        low := low # get_byte(bytes, i);
        product := low * 435;
        high := (high * 435 + (product >> 32) + (low << 8)) & 4294967295;
        low := product & 4294967295;
    END LOOP;
    RETURN (high << 32) | low;
END
$$;
-- A number is hashed as its bytes lie in memory, the lowest first.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_reverse(bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN reverse($1);
DO $do$
DECLARE
    kind text;
    bytes text;
BEGIN
    FOR kind, bytes IN VALUES
        ('text', 'convert_to($1, ''UTF8'')'),
        ('smallint', 'redshift_reverse(int2send($1))'),
        ('integer', 'redshift_reverse(int4send($1))'),
        ('bigint', 'redshift_reverse(int8send($1))'),
        ('boolean', 'boolsend($1)')
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE FUNCTION pg_catalog.fnv_hash(%1$s) RETURNS bigint LANGUAGE sql'
            ' IMMUTABLE PARALLEL SAFE'
            ' RETURN coalesce(redshift_fnv(%2$s, -3750763034362895579), -3750763034362895579);'
            'CREATE OR REPLACE FUNCTION pg_catalog.fnv_hash(%1$s, bigint) RETURNS bigint'
            ' LANGUAGE sql IMMUTABLE PARALLEL SAFE'
            ' RETURN coalesce(redshift_fnv(%2$s, $2), $2)', kind, bytes);
    END LOOP;
END
$do$;

-- JSON and SUPER ---------------------------------------------------------------------------------

-- The text without the spaces between its tokens.
CREATE OR REPLACE FUNCTION pg_catalog.redshift_compact(text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN $1 ~ E'[ \t\r\n]'
        THEN regexp_replace($1, E'("(?:[^"\\\\]|\\\\.)*")|[ \t\r\n]+', E'\\1', 'g')
        ELSE $1 END;
CREATE OR REPLACE FUNCTION pg_catalog.is_valid_json(text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN $1 IS JSON OBJECT;
CREATE OR REPLACE FUNCTION pg_catalog.is_valid_json_array(text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN $1 IS JSON ARRAY;
CREATE OR REPLACE FUNCTION pg_catalog.can_json_parse(text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN $1 IS JSON;
CREATE OR REPLACE FUNCTION pg_catalog.redshift_json(content text) RETURNS json
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF NOT content IS JSON THEN
        RAISE EXCEPTION 'JSON parsing error'
            USING ERRCODE = 'XX000', DETAIL = format('invalid json object %s', left(content, 200));
    END IF;
    RETURN content::json;
END
$$;
CREATE OR REPLACE FUNCTION pg_catalog.json_parse(text) RETURNS super
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN redshift_json(redshift_compact($1))::super;
CREATE OR REPLACE FUNCTION pg_catalog.json_serialize(super) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN redshift_compact($1::json::text);
CREATE OR REPLACE FUNCTION pg_catalog.json_extract_path_text(text, VARIADIC text[]) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN redshift_json($1) #>> $2;
CREATE OR REPLACE FUNCTION pg_catalog.redshift_json_path_or_null(text, VARIADIC text[])
    RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RETURN CASE WHEN $1 IS JSON THEN $1::json #>> $2 END;
END
$$;
CREATE OR REPLACE FUNCTION pg_catalog.json_array_length(text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN json_array_length(redshift_json($1));
CREATE OR REPLACE FUNCTION pg_catalog.json_extract_array_element_text(text, integer) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN redshift_json($1) ->> $2;
CREATE OR REPLACE FUNCTION pg_catalog.json_typeof(super) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN json_typeof($1::json);
CREATE OR REPLACE FUNCTION pg_catalog.json_size(super) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN octet_length(pg_catalog.json_serialize($1));
CREATE OR REPLACE FUNCTION pg_catalog.is_array(super) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN json_typeof($1::json) = 'array';
CREATE OR REPLACE FUNCTION pg_catalog.is_object(super) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN json_typeof($1::json) = 'object';
CREATE OR REPLACE FUNCTION pg_catalog.is_scalar(super) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN json_typeof($1::json) NOT IN ('array', 'object');
CREATE OR REPLACE FUNCTION pg_catalog.is_varchar(super) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN json_typeof($1::json) = 'string';
CREATE OR REPLACE FUNCTION pg_catalog.get_array_length(super) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN json_typeof($1::json) = 'array' THEN json_array_length($1::json) END;
-- SUPER navigation: items[0].sku is super_path(items, '0', 'sku'); a path that leads nowhere, or
-- to JSON's null, is NULL.
CREATE OR REPLACE FUNCTION pg_catalog.super_path(super, VARIADIC text[]) RETURNS super
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN nullif(($1::json #> $2)::text, 'null')::json::super;
-- FROM orders o, o.items AS i AT position
CREATE OR REPLACE FUNCTION pg_catalog.super_elements(super)
    RETURNS TABLE (element super, place bigint)
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    SELECT e.value::super, e.ordinality - 1
    FROM json_array_elements(CASE WHEN json_typeof($1::json) = 'array' THEN $1::json
        ELSE json_build_array($1::json) END) WITH ORDINALITY AS e (value, ordinality);
END;

-- The session ------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017'
        ' (Red Hat 3.4.2-6.fc3), Redshift 1.0.0';
CREATE OR REPLACE FUNCTION pg_catalog.redshift_setting(name text) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(nullif(current_setting('redshift.' || name, true), ''), '0')::bigint;
CREATE OR REPLACE FUNCTION pg_catalog.pg_last_copy_count() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE RETURN redshift_setting('last_copy_count');
CREATE OR REPLACE FUNCTION pg_catalog.pg_last_copy_id() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE RETURN redshift_setting('last_copy_id');
CREATE OR REPLACE FUNCTION pg_catalog.pg_last_query_id() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE RETURN redshift_setting('last_copy_id');
CREATE OR REPLACE FUNCTION pg_catalog.pg_last_unload_count() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE RETURN redshift_setting('last_unload_count');
