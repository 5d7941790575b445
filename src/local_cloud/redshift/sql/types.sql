-- SUPER: JSON text kept as it was written, with its digits, its key order and without spaces.
-- Run once in a new database cluster, by its superuser.

CREATE TYPE pg_catalog.super;
CREATE FUNCTION pg_catalog.super_in(cstring) RETURNS pg_catalog.super
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'json_in';
CREATE FUNCTION pg_catalog.super_out(pg_catalog.super) RETURNS cstring
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'json_out';
CREATE FUNCTION pg_catalog.super_recv(internal) RETURNS pg_catalog.super
    LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'json_recv';
CREATE FUNCTION pg_catalog.super_send(pg_catalog.super) RETURNS bytea
    LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'json_send';
CREATE TYPE pg_catalog.super (
    INPUT = pg_catalog.super_in,
    OUTPUT = pg_catalog.super_out,
    RECEIVE = pg_catalog.super_recv,
    SEND = pg_catalog.super_send,
    LIKE = pg_catalog.json
);
CREATE CAST (super AS json) WITHOUT FUNCTION;
CREATE CAST (json AS super) WITHOUT FUNCTION;

-- A scalar's value: a string without its quotes, JSON's null as NULL.
CREATE FUNCTION pg_catalog.super_text(super) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN $1::json #>> '{}';
CREATE FUNCTION pg_catalog.super_varchar(super) RETURNS varchar
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN $1::json #>> '{}';
CREATE FUNCTION pg_catalog.super_numeric(super) RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN super_text($1)::numeric;
CREATE FUNCTION pg_catalog.super_int4(super) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN super_text($1)::numeric::integer;
CREATE FUNCTION pg_catalog.super_int8(super) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN super_text($1)::numeric::bigint;
CREATE FUNCTION pg_catalog.super_float8(super) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN super_text($1)::double precision;
CREATE FUNCTION pg_catalog.super_bool(super) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN super_text($1)::boolean;
CREATE FUNCTION pg_catalog.super_date(super) RETURNS date
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN super_text($1)::date;
CREATE FUNCTION pg_catalog.super_timestamp(super) RETURNS timestamp
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN super_text($1)::timestamp;
CREATE CAST (super AS text) WITH FUNCTION super_text(super);
CREATE CAST (super AS varchar) WITH FUNCTION super_varchar(super);
CREATE CAST (super AS numeric) WITH FUNCTION super_numeric(super);
CREATE CAST (super AS integer) WITH FUNCTION super_int4(super);
CREATE CAST (super AS bigint) WITH FUNCTION super_int8(super);
CREATE CAST (super AS double precision) WITH FUNCTION super_float8(super);
CREATE CAST (super AS boolean) WITH FUNCTION super_bool(super);
CREATE CAST (super AS date) WITH FUNCTION super_date(super);
CREATE CAST (super AS timestamp) WITH FUNCTION super_timestamp(super);

-- An order, so that GROUP BY, DISTINCT and ORDER BY take a SUPER. Its operators have names of their
-- own: `=` between two SUPERs would read the literal in items[0].sku = 'A' as JSON.
CREATE FUNCTION pg_catalog.super_cmp(super, super) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN jsonb_cmp($1::json::jsonb, $2::json::jsonb);
CREATE FUNCTION pg_catalog.super_lt(super, super) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN super_cmp($1, $2) < 0;
CREATE FUNCTION pg_catalog.super_le(super, super) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN super_cmp($1, $2) <= 0;
CREATE FUNCTION pg_catalog.super_eq(super, super) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN super_cmp($1, $2) = 0;
CREATE FUNCTION pg_catalog.super_ge(super, super) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN super_cmp($1, $2) >= 0;
CREATE FUNCTION pg_catalog.super_gt(super, super) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN super_cmp($1, $2) > 0;
CREATE OPERATOR pg_catalog.#< (FUNCTION = super_lt, LEFTARG = super, RIGHTARG = super);
CREATE OPERATOR pg_catalog.#<= (FUNCTION = super_le, LEFTARG = super, RIGHTARG = super);
CREATE OPERATOR pg_catalog.#= (FUNCTION = super_eq, LEFTARG = super, RIGHTARG = super);
CREATE OPERATOR pg_catalog.#>= (FUNCTION = super_ge, LEFTARG = super, RIGHTARG = super);
CREATE OPERATOR pg_catalog.#> (FUNCTION = super_gt, LEFTARG = super, RIGHTARG = super);
CREATE OPERATOR CLASS pg_catalog.super_ops DEFAULT FOR TYPE super USING btree AS
    OPERATOR 1 #<, OPERATOR 2 #<=, OPERATOR 3 #=, OPERATOR 4 #>=, OPERATOR 5 #>,
    FUNCTION 1 super_cmp(super, super);

-- Comparisons and arithmetic of a scalar in a SUPER with SQL's own values.
DO $do$
DECLARE
    op text;
    other text;
BEGIN
    FOREACH other IN ARRAY ARRAY['text', 'numeric', 'boolean'] LOOP
        FOREACH op IN ARRAY ARRAY['=', '<>', '<', '<=', '>', '>='] LOOP
            EXECUTE format(
                'CREATE FUNCTION pg_catalog.%1$I(super, %2$s) RETURNS boolean LANGUAGE sql'
                ' IMMUTABLE STRICT PARALLEL SAFE RETURN $1::%2$s %3$s $2;'
                'CREATE FUNCTION pg_catalog.%1$I(%2$s, super) RETURNS boolean LANGUAGE sql'
                ' IMMUTABLE STRICT PARALLEL SAFE RETURN $1 %3$s $2::%2$s;'
                'CREATE OPERATOR pg_catalog.%3$s'
                ' (FUNCTION = %1$I, LEFTARG = super, RIGHTARG = %2$s);'
                'CREATE OPERATOR pg_catalog.%3$s'
                ' (FUNCTION = %1$I, LEFTARG = %2$s, RIGHTARG = super)',
                'super_compare_' || translate(op, '=<>', 'elg'), other, op);
        END LOOP;
    END LOOP;
    FOREACH op IN ARRAY ARRAY['+', '-', '*', '/'] LOOP
        EXECUTE format(
            'CREATE FUNCTION pg_catalog.%1$I(super, super) RETURNS numeric LANGUAGE sql'
            ' IMMUTABLE STRICT PARALLEL SAFE RETURN $1::numeric %2$s $2::numeric;'
            'CREATE FUNCTION pg_catalog.%1$I(super, numeric) RETURNS numeric LANGUAGE sql'
            ' IMMUTABLE STRICT PARALLEL SAFE RETURN $1::numeric %2$s $2;'
            'CREATE FUNCTION pg_catalog.%1$I(numeric, super) RETURNS numeric LANGUAGE sql'
            ' IMMUTABLE STRICT PARALLEL SAFE RETURN $1 %2$s $2::numeric;'
            'CREATE OPERATOR pg_catalog.%2$s'
            ' (FUNCTION = %1$I, LEFTARG = super, RIGHTARG = super);'
            'CREATE OPERATOR pg_catalog.%2$s'
            ' (FUNCTION = %1$I, LEFTARG = super, RIGHTARG = numeric);'
            'CREATE OPERATOR pg_catalog.%2$s'
            ' (FUNCTION = %1$I, LEFTARG = numeric, RIGHTARG = super)',
            'super_arithmetic_' || translate(op, '+-*/', 'psmd'), op);
    END LOOP;
END
$do$;

-- PostgreSQL functions whose results differ from Redshift's step aside for ours in functions.sql.
UPDATE pg_proc SET proname = 'postgresql_' || proname
WHERE oid IN (
    'sum(bigint)'::regprocedure,
    'avg(smallint)'::regprocedure, 'avg(integer)'::regprocedure, 'avg(bigint)'::regprocedure,
    'regexp_replace(text,text,text)'::regprocedure,
    'version()'::regprocedure
) OR (proname = 'concat' AND pronamespace = 'pg_catalog'::regnamespace);

-- Redshift does not cast a BOOLEAN to text; PostgreSQL would by its output function.
CREATE FUNCTION pg_catalog.refuse_boolean_text(boolean) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    RAISE EXCEPTION 'cannot cast type boolean to character varying' USING ERRCODE = '42846';
END
$$;
UPDATE pg_cast SET castfunc = 'refuse_boolean_text(boolean)'::regprocedure
WHERE castsource = 'boolean'::regtype
    AND casttarget IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype);
