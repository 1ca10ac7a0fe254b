"""Expressions of numbers as Python writes them, with every size bounded before anything is computed."""

import ast
import math
import re
from collections.abc import Callable
from typing import Any

from simpleeval import InvalidExpression, SimpleEval

Number = int | float

MOST_BITS = 4096  # of an integer: some 1,230 decimal digits
_MOST_DIGITS = 400
_LARGEST_FACTORIAL = 500

_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[^\W\d]\w*|[^\s+\-*/%(),]")


class NotComputable(Exception):
    """With a sentence that says why."""


def value_of(expression: str) -> Number:
    """Raises `NotComputable`."""
    _check_words(expression)
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        value: Number = _evaluator().eval(expression, previously_parsed=tree.body)
        return value
    except InvalidExpression as exc:
        raise NotComputable("Only numbers, + - * / // % ** and functions of numbers can be used.") from exc
    except (SyntaxError, RecursionError, MemoryError) as exc:
        raise NotComputable("This is no arithmetic expression, or it is nested too deeply.") from exc
    except ZeroDivisionError as exc:
        raise NotComputable("Division by zero.") from exc
    except OverflowError as exc:
        raise NotComputable("A number on the way is too large.") from exc
    except (TypeError, ValueError) as exc:
        raise NotComputable("A function does not take these numbers, or gives none that is real.") from exc


def _check_words(expression: str) -> None:
    """Before Python parses it, which warns on its standard error of what it finds odd."""
    for word in _WORD.findall(_NUMBER.sub(" ", expression)):
        if word not in _FUNCTIONS and word not in _NAMES:
            raise NotComputable(f"{word!r} cannot be used here; a power is written as **.")


def _evaluator() -> SimpleEval:
    evaluator = SimpleEval(operators=_OPERATORS, functions=_FUNCTIONS, names=_NAMES)
    evaluator.nodes = {
        kind: _each_sized(evaluator.nodes[kind])
        for kind in (ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Constant)
    }
    return evaluator


def _each_sized(evaluate: Callable[[ast.AST], Any]) -> Callable[[ast.AST], Number]:
    return lambda node: _sized(evaluate(node))


def _sized(value: Any) -> Number:
    if isinstance(value, complex):
        raise ValueError("not a real number")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidExpression("not a number")
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise OverflowError
    if isinstance(value, float) and not math.isfinite(value):
        raise OverflowError
    return value


def _product(left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > MOST_BITS + 1:
        raise OverflowError
    return left * right


def _power(base: Number, exponent: Number) -> Number:
    integers = isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1
    if integers and math.log2(abs(base)) * abs(exponent) > MOST_BITS:
        raise OverflowError
    power: Number = base**exponent
    return power


def _round(number: Number, digits: int = 0) -> Number:
    if abs(digits) > _MOST_DIGITS:
        raise OverflowError
    return round(number, digits) if digits else round(number)


def _factorial(number: int) -> int:
    if number > _LARGEST_FACTORIAL:
        raise OverflowError
    return math.factorial(number)


def _comb(items: int, chosen: int) -> int:
    if items > MOST_BITS:
        raise OverflowError
    return math.comb(items, chosen)


_OPERATORS: dict[type[ast.AST], Callable[..., Number]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: _product,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: lambda left, right: left // right,
    ast.Mod: lambda left, right: left % right,
    ast.Pow: _power,
    ast.UAdd: lambda number: +number,
    ast.USub: lambda number: -number,
}

_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "round": _round,
    "pow": _power,
    "factorial": _factorial,
    "comb": _comb,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "gcd": math.gcd,
    "lcm": math.lcm,
    "sqrt": math.sqrt,
    "cbrt": math.cbrt,
    "hypot": math.hypot,
    "exp": math.exp,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "atan2": math.atan2,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "degrees": math.degrees,
    "radians": math.radians,
}

_NAMES = {"pi": math.pi, "e": math.e, "tau": math.tau}
