"""From sqlglot's syntax tree to the compiled form that `etl.expressions` evaluates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import singledispatchmethod

from sqlglot import exp

from etl.contracts.literals import compile_date, compile_number, compile_string
from etl.contracts.problems import did_you_mean
from etl.contracts.static_types import (
    Compiled,
    ExpressionError,
    Static,
    product_type,
    round_type,
    static_type,
    sum_type,
    unify,
)
from etl.model import Expression, Type

SUBSET = (
    "use columns, run_date, literals, and or not, = <> < <= > >=, + - *, in, between, is null, "
    "case, lower upper trim length concat coalesce abs round date; see docs/contracts.md"
)
_COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_ARITHMETIC = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
_TEXT_CALLS = {exp.Lower: "lower", exp.Upper: "upper", exp.Trim: "trim"}
# Flags that sqlglot sets by itself and that say nothing about the text.
_FLAGS = frozenset({"safe", "coalesce", "typed", "big_int"})


class Compiler:
    """Walks sqlglot's tree. Each visit gives the compiled node with its type."""

    def __init__(self, columns: Mapping[str, Type]) -> None:
        self._columns = columns

    @singledispatchmethod
    def visit(self, node: exp.Expr) -> Compiled:
        raise ExpressionError(f'"{node.sql()}" is not in the subset of SQL', fix=SUBSET)

    @visit.register
    def _(self, node: exp.Paren) -> Compiled:
        return self.visit(node.this)

    @visit.register
    def _(self, node: exp.Column) -> Compiled:
        _only(node, "this")
        identifier = node.this
        name = identifier.name if identifier.quoted else identifier.name.lower()
        if name == "run_date":
            return Compiled(["run_date"], Static("date"))
        if name not in self._columns:
            raise ExpressionError(
                f'"{name}" is not a column{did_you_mean(name, self._columns)}',
                fix=f"name one of {', '.join(self._columns)}, or run_date",
                column=name,
            )
        found = static_type(name, self._columns[name])
        column: Expression = ["col", name]
        if found.kind == "integer":
            return Compiled(["integer", column, found.digits], found)
        return Compiled(column, found)

    @visit.register
    def _(self, node: exp.Literal) -> Compiled:
        return compile_string(node.name) if node.is_string else compile_number(node.name)

    @visit.register
    def _(self, node: exp.Boolean) -> Compiled:
        return Compiled(["lit", bool(node.this), "boolean"], Static("boolean"))

    @visit.register
    def _(self, node: exp.Null) -> Compiled:
        return Compiled(["lit", None, "null"], Static("null"))

    @visit.register
    def _(self, node: exp.Cast) -> Compiled:
        if not (
            type(node) is exp.Cast
            and node.to.this == exp.DataType.Type.DATE
            and isinstance(node.this, exp.Literal)
            and node.this.is_string
        ):
            raise ExpressionError(
                f'"{node.sql()}": casts are not in the subset of SQL',
                fix="give the column the type that you need; a date is written date '2026-01-01'",
            )
        return compile_date(node.this.name)

    @visit.register
    def _(self, node: exp.Neg) -> Compiled:
        if isinstance(node.this, exp.Literal) and not node.this.is_string:
            return compile_number("-" + node.this.name)
        operand = self._number(node.this)
        return Compiled(["neg", operand.expression], operand.type)

    @visit.register(exp.Add)
    @visit.register(exp.Sub)
    @visit.register(exp.Mul)
    def _(self, node: exp.Binary) -> Compiled:
        left, right = self._number(node.this), self._number(node.expression)
        result = product_type if isinstance(node, exp.Mul) else sum_type
        return Compiled(
            [_ARITHMETIC[type(node)], left.expression, right.expression],
            result(left.type, right.type, node.sql()),
        )

    @visit.register(exp.EQ)
    @visit.register(exp.NEQ)
    @visit.register(exp.LT)
    @visit.register(exp.LTE)
    @visit.register(exp.GT)
    @visit.register(exp.GTE)
    def _(self, node: exp.Binary) -> Compiled:
        symbol = _COMPARISONS[type(node)]
        operands, common = self._comparable([node.this, node.expression], node)
        if common.kind == "boolean" and symbol not in ("=", "<>"):
            raise ExpressionError(f'"{node.sql()}" orders booleans', fix="compare them with =")
        return Compiled([symbol, *operands], Static("boolean"))

    @visit.register
    def _(self, node: exp.Between) -> Compiled:
        _only(node, "this", "low", "high")
        operands, common = self._comparable([node.this, node.args["low"], node.args["high"]], node)
        if common.kind == "boolean":
            raise ExpressionError(f'"{node.sql()}" orders booleans', fix="compare them with =")
        return Compiled(["between", *operands], Static("boolean"))

    @visit.register
    def _(self, node: exp.In) -> Compiled:
        _only(node, "this", "expressions")
        operands, common = self._comparable([node.this, *node.expressions], node)
        if common.kind == "double":
            raise ExpressionError(f'"{node.sql()}" looks for a DOUBLE', fix="compare with ranges")
        if not operands[1:] or any(each[0] != "lit" for each in operands[1:]):
            raise ExpressionError(
                f'"{node.sql()}": in takes a list of literals', fix="write x in ('a', 'b')"
            )
        return Compiled(["in", operands[0], operands[1:]], Static("boolean"))

    @visit.register
    def _(self, node: exp.Is) -> Compiled:
        if not isinstance(node.expression, exp.Null):
            raise ExpressionError(f'"{node.sql()}": is goes with null only', fix="use = or <>")
        return Compiled(["is_null", self.visit(node.this).expression], Static("boolean"))

    @visit.register
    def _(self, node: exp.Not) -> Compiled:
        return Compiled(["not", self._condition(node.this)], Static("boolean"))

    @visit.register(exp.And)
    @visit.register(exp.Or)
    def _(self, node: exp.Connector) -> Compiled:
        word = "and" if isinstance(node, exp.And) else "or"
        terms = [self._condition(each) for each in node.flatten()]
        return Compiled([word, *terms], Static("boolean"))

    @visit.register
    def _(self, node: exp.Case) -> Compiled:
        _only(node, "this", "ifs", "default")
        branches = node.args["ifs"]
        tests = [
            exp.EQ(this=node.this, expression=each.this) if node.this else each.this
            for each in branches
        ]
        results = [each.args["true"] for each in branches] + [
            node.args.get("default") or exp.Null()
        ]
        values, common = unify([self.visit(each) for each in results], node.sql())
        whens = [[self._condition(test), value] for test, value in zip(tests, values)]
        return Compiled(["case", whens, values[-1]], common)

    @visit.register
    def _(self, node: exp.Coalesce) -> Compiled:
        _only(node, "this", "expressions")
        operands = [self.visit(each) for each in (node.this, *node.expressions)]
        values, common = unify(operands, node.sql())
        return Compiled(["call", "coalesce", *values], common)

    @visit.register(exp.Lower)
    @visit.register(exp.Upper)
    @visit.register(exp.Trim)
    def _(self, node: exp.Func) -> Compiled:
        _only(node, "this")
        name = _TEXT_CALLS[type(node)]
        operand = self._of_kind("string", node.this)
        if name != "trim" and not _literals_are_ascii(operand):
            raise ExpressionError(
                f'"{node.sql()}" changes the case of a literal that is not ASCII',
                fix="write the literal in the case that you want",
            )
        return Compiled(["call", name, operand], Static("string"))

    @visit.register
    def _(self, node: exp.Length) -> Compiled:
        _only(node, "this")
        operand = self._of_kind("string", node.this)
        return Compiled(["call", "length", operand], Static("integer", digits=10))

    @visit.register(exp.Concat)
    def _(self, node: exp.Concat) -> Compiled:
        _only(node, "expressions")
        operands = [self._of_kind("string", each) for each in node.expressions]
        return Compiled(["call", "concat", *operands], Static("string"))

    @visit.register
    def _(self, node: exp.DPipe) -> Compiled:
        operands = [self._of_kind("string", each) for each in node.flatten()]
        return Compiled(["call", "concat", *operands], Static("string"))

    @visit.register
    def _(self, node: exp.Abs) -> Compiled:
        _only(node, "this")
        operand = self._number(node.this)
        return Compiled(["call", "abs", operand.expression], operand.type)

    @visit.register
    def _(self, node: exp.Round) -> Compiled:
        _only(node, "this", "decimals")
        operand = self._number(node.this)
        decimals = node.args.get("decimals") or exp.Literal.number(0)
        digits = decimals.name if isinstance(decimals, exp.Literal) else ""
        if not re.fullmatch("[0-9]{1,2}", digits):
            raise ExpressionError(
                f'"{node.sql()}": the number of decimals is not a whole number from 0',
                fix="write round(x, 2)",
            )
        return Compiled(
            ["call", "round", operand.expression, ["lit", int(digits), "integer"]],
            round_type(operand.type, int(digits), node.sql()),
        )

    @visit.register
    def _(self, node: exp.Date) -> Compiled:
        _only(node, "this")
        operand = self.visit(node.this)
        if operand.type.kind not in ("date", "timestamp"):
            raise ExpressionError(
                f'"{node.sql()}" takes the date of {operand.type}',
                fix="date() takes a timestamp; a date is written date '2026-01-01'",
            )
        return Compiled(["call", "date", operand.expression], Static("date"))

    def _condition(self, node: exp.Expr) -> Expression:
        return self._of_kind("boolean", node)

    def _of_kind(self, kind: str, node: exp.Expr) -> Expression:
        operand = self.visit(node)
        if operand.type.kind != kind:
            raise ExpressionError(
                f'"{node.sql()}" is {operand.type} where {Static(kind)} is needed', fix=SUBSET
            )
        return operand.expression

    def _number(self, node: exp.Expr) -> Compiled:
        operand = self.visit(node)
        if operand.type.kind not in ("integer", "decimal"):
            raise ExpressionError(
                f'"{node.sql()}" is {operand.type}, not an exact number',
                fix="calculate with INTEGER, BIGINT and DECIMAL columns",
            )
        return operand

    def _comparable(
        self, nodes: Sequence[exp.Expr], whole: exp.Expr
    ) -> tuple[list[Expression], Static]:
        operands = [self.visit(each) for each in nodes]
        if any(each.type.kind == "null" for each in operands):
            raise ExpressionError(
                f'"{whole.sql()}" compares with NULL, which is never true',
                fix="write is null or is not null",
            )
        return unify(operands, whole.sql())


def _only(node: exp.Expr, *names: str) -> None:
    """Refuse the variants of a construct that would mean something else."""
    given = {name for name, value in node.args.items() if value not in (None, [], False)}
    if given - set(names) - _FLAGS:
        raise ExpressionError(f'"{node.sql()}" is not in the subset of SQL', fix=SUBSET)


def _literals_are_ascii(expression: Expression) -> bool:
    match expression:
        case ["lit", str(text), "string"]:
            return text.isascii()
        case list():
            return all(_literals_are_ascii(each) for each in expression)
    return True
