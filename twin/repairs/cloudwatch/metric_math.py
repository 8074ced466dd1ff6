"""The part of CloudWatch's metric math that our alarms need: one value per period, missing ones included."""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

Value = float | None
_ARITHMETIC: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: dict[type, Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FOLDS: dict[str, Callable[[list[float]], float]] = {
    "MAX": max,
    "MIN": min,
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
}
_WORDS = {r"\bAND\b|&&": " and ", r"\bOR\b|\|\|": " or "}


class UnknownExpressionError(ValueError):
    """The expression uses something that this evaluator does not know."""


def evaluate(expression: str, values: Mapping[str, Value]) -> Value:
    """Return the value of an expression for one period; None when a value it needs is missing.

    >>> evaluate("MAX([a, b])", {"a": 1.0, "b": None})
    1.0
    >>> evaluate("IF(FILL(a, 0) > 0 AND MIN([FILL(b, 0), 2]) < 1, 1, 0)", {"a": 3.0, "b": None})
    1.0
    >>> evaluate("a / b", {"a": 3.0, "b": None}) is None
    True
    """
    for word, python in _WORDS.items():
        expression = re.sub(word, python, expression)
    return _value(ast.parse(expression.strip(), mode="eval").body, values)


def _value(node: ast.expr, values: Mapping[str, Value]) -> Value:  # noqa: PLR0911 # one return per kind of node
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _both(_ARITHMETIC[type(op)], _value(left, values), _value(right, values))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
            return _both(_COMPARISONS[type(op)], _value(left, values), _value(right, values))
        case ast.BoolOp(op=op, values=parts):
            answers = [bool(_value(part, values)) for part in parts]
            return float(all(answers) if isinstance(op, ast.And) else any(answers))
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            return _value(then if _value(condition, values) else otherwise, values)
        case ast.Call(func=ast.Name(id="FILL"), args=[series, filling]):
            known = _value(series, values)
            return _value(filling, values) if known is None else known
        case ast.Call(func=ast.Name(id=name), args=[ast.List(elts=parts)]) if name in _FOLDS:
            known_parts = [part for part in (_value(part, values) for part in parts) if part is not None]
            return _FOLDS[name](known_parts) if known_parts else None
    raise UnknownExpressionError(
        f"The twin cannot evaluate this part of a metric expression: {ast.unparse(node)}"
    )


def _both(operation: Callable[[float, float], Any], left: Value, right: Value) -> Value:
    return None if left is None or right is None else float(operation(left, right))
