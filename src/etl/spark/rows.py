"""Raw lines into judged rows: the fast path where it is sure, the judge for every other line."""

from __future__ import annotations

from datetime import date
from typing import Any

from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F
from pyspark.sql import types as spark

from etl.judge import INVALID_UTF8_KEY, MALFORMED_KEY, Accepted, Judge, Rejected
from etl.model import Contract
from etl.spark.line_checks import odd_line
from etl.spark.sql import LINE, identifier, quote
from etl.spark.types import NoCommonSchema, record_type, row_type
from etl.spark.values import computed_value, expression_conditions, is_wanted, read_value

_WRAPPERS = (INVALID_UTF8_KEY, MALFORMED_KEY)
_JSON_OPTIONS = {
    "mode": "PERMISSIVE",
    "columnNameOfCorruptRecord": "corrupt",
    "allowSingleQuotes": "false",
    "allowUnquotedFieldNames": "false",
    "allowNonNumericNumbers": "false",
    "allowComments": "false",
    "allowNumericLeadingZeros": "false",
    "allowBackslashEscapingAnyCharacter": "false",
    "allowUnquotedControlChars": "false",
    "dropFieldIfAllNull": "false",
    "locale": "en-US",
}


def judged_rows(
    lines: DataFrame, contract: Contract, run_date: date, *, key: str | None, counted: Observation
) -> DataFrame:
    """Every line with its row or the reasons against it.

    Args:
        lines: Column "$line": text; further columns are kept.
        key: Text that no line can foresee. It frames the line, which shows what follows the
            line's object, where Spark's reader by itself would drop it. None leaves every line to
            the judge, which for few lines is quicker than compiling the fast path.
        counted: Gets "rows": how many lines were read.

    Returns:
        `lines` with "$reasons" (NULL where the line is not rejected), "$filtered" (whether the
        contract's filter leaves it out) and the contract's data columns.
    """
    # Called nondeterministic, since filters would otherwise run the judge a second time.
    judge = F.udf(_verdict(Judge(contract, run_date)), _verdict_type(contract)).asNondeterministic()
    count = F.count(F.lit(1)).alias("rows")
    names = [column.name for column in contract.data_columns]
    kept = _quoted(lines.columns)
    reasons = F.col("`$verdict`.`reasons`").alias("$reasons")
    filtered = F.col("`$verdict`.`filtered`")
    judged = {name: F.col(identifier("$verdict", "row", name)) for name in names}
    taken = _take(lines, contract, run_date, key) if key else None
    if taken is None:
        asked = lines.observe(counted, count).withColumn("$verdict", judge(LINE))
        columns = [judged[name].alias(name) for name in names]
        return asked.select(*kept, reasons, filtered.alias("$filtered"), *columns)
    # Spark feeds Python from a thread of its own, and expressions hold state. Counting right here
    # also keeps the optimizer from moving the fast path's into the judge's argument.
    is_sure = F.col("`$sure`")
    asked = taken.observe(counted, count).withColumn(
        "$verdict", judge(F.when(~is_sure, F.col(LINE)))
    )
    columns = [
        F.when(is_sure, F.col(identifier(name))).otherwise(judged[name]).alias(name)
        for name in names
    ]
    filtered = F.when(is_sure, ~F.col("`$wanted`")).otherwise(filtered)
    return asked.select(*kept, reasons, filtered.alias("$filtered"), *columns)


def _take(lines: DataFrame, contract: Contract, run_date: date, key: str) -> DataFrame | None:
    """Columns as the fast path reads them, "$sure" and, of a sure row, "$wanted"; None if the fast
    path cannot read them, as it takes names as they are and sees no others."""
    if contract.normalise_names or contract.unknown_fields != "ignore":
        return None
    kept = _quoted(lines.columns)
    try:
        record = record_type(contract)
    except NoCommonSchema:
        return None
    framed = lines.select(*kept, _framed_record(contract, record, key).alias("$framed"))
    read = _read(framed, kept, contract, key)
    for column in contract.columns:
        if column.derive is not None:
            value = computed_value(column, contract, run_date)
            read = read.withColumn(column.name, F.expr(value.typed))
            read = read.withColumn("$read", F.expr(f"`$read` AND {value.sure}"))
    read = read.withColumn("$wanted", F.expr(is_wanted(contract, run_date)))
    conditions = ["`$read`", *expression_conditions(contract, run_date)]
    return read.withColumn("$sure", F.expr(f"coalesce({' AND '.join(conditions)}, false)"))


def _framed_record(contract: Contract, record: spark.StructType, key: str) -> Column:
    for wrapper in _WRAPPERS:
        record = record.add(wrapper, spark.StringType())
    schema = spark.StructType(
        [
            spark.StructField(f"record-{key}", record),
            spark.StructField(f"end-{key}", spark.BooleanType()),
            spark.StructField("corrupt", spark.StringType()),
        ]
    )
    head, tail = f'{{"record-{key}":', f',"end-{key}":true}}'
    framed = f"concat({quote(head)}, {LINE}, {quote(tail)})"
    readable = F.expr(f"CASE WHEN NOT ({odd_line(contract)}) THEN {framed} END")
    return F.from_json(readable, schema, _JSON_OPTIONS)


def _read(framed: DataFrame, kept: list[Column], contract: Contract, key: str) -> DataFrame:
    received = contract.received_columns
    record = identifier("$framed", f"record-{key}")
    whole = " AND ".join(
        [
            "`$framed`.`corrupt` IS NULL",
            identifier("$framed", f"end-{key}"),
            f"{record} IS NOT NULL",
            *(f"{record}.{identifier(wrapper)} IS NULL" for wrapper in _WRAPPERS),
        ]
    )
    is_text = contract.source.encoding == "text"
    raws = []
    for index, column in enumerate(received):
        raw = f"{record}.{identifier(*column.path)}"
        raws.append(F.expr(f"nullif({raw}, '')" if is_text else raw).alias(f"$raw{index}"))
    extracted = framed.select(*kept, F.expr(whole).alias("$whole"), *raws)
    values = [
        read_value(column, contract, f"`$raw{index}`") for index, column in enumerate(received)
    ]
    typed = [
        F.expr(value.typed).alias(column.name)
        for column, value in zip(received, values, strict=True)
    ]
    sure = " AND ".join(["`$whole`", *(value.sure for value in values)])
    return extracted.select(*kept, *typed, F.expr(sure).alias("$read"))


def _verdict_type(contract: Contract) -> spark.StructType:
    return spark.StructType(
        [
            spark.StructField("row", row_type(contract)),
            spark.StructField("reasons", spark.ArrayType(spark.StringType())),
            spark.StructField("filtered", spark.BooleanType()),
        ]
    )


def _verdict(judge: Judge) -> Any:
    def verdict(line: str | None) -> tuple[Any, Any, bool] | None:
        if line is None:
            return None
        match judge(line):
            case Accepted(row):
                return tuple(row.values()), None, False
            case Rejected(reasons):
                return None, reasons, False
        return None, None, True

    return verdict


def _quoted(names: list[str]) -> list[Column]:
    return [F.col(identifier(each)) for each in names]
