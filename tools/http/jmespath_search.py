"""JMESPath in bounded time and memory: the language can double a value with every few characters."""

import time
from collections.abc import Mapping
from typing import Any

import jmespath
from jmespath.functions import Functions
from jmespath.visitor import Options, TreeInterpreter

SECONDS = 2.0
GROWTH = 4
"""How many times as much as the document a value on the way may hold."""
_SMALLEST_LIMIT = 10_000
_DEEPEST = 60
_FUNCTIONS: Mapping[str, Any] = Functions.FUNCTION_TABLE


class TooMuch(Exception):
    """Of time, of depth, or of what comes out."""


def check(expression: str) -> None:
    """Raises `ValueError` for what is not in the language, and for what is nested deeper than anyone writes."""
    try:
        level = [jmespath.compile(expression).parsed]
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    for _ in range(_DEEPEST):
        if any(node["type"] == "function_expression" and node["value"] not in _FUNCTIONS for node in level):
            raise ValueError("an unknown function")
        level = [child for node in level for child in node.get("children", ()) if isinstance(child, dict)]
    if level:
        raise ValueError("nested too deeply")


def search(expression: str, document: Any) -> Any:
    """What `expression` finds, None when that is nothing.

    Raises `TooMuch`, and `ValueError` when the document does not have the types that the expression wants.
    """
    try:
        budget = _Budget(document)
        interpreter = TreeInterpreter(Options(custom_functions=_functions(budget)))
        visit = interpreter.visit
        # Every step of the interpreter goes through here.
        interpreter.visit = lambda node, *args: budget.checked(visit(node, *args))
        return interpreter.visit(jmespath.compile(expression).parsed, document)
    except RecursionError as exc:
        raise TooMuch from exc
    except (TypeError, OverflowError, AttributeError, KeyError) as exc:
        # Of some types that do not fit, the library does not say so itself.
        raise ValueError("types that do not fit") from exc


class _Budget:
    """Looks at the clock at each step and weighs what each gives, so that none works on more than its limit."""

    def __init__(self, document: Any) -> None:
        self._deadline = time.monotonic() + SECONDS
        # By identity, with the value itself, which keeps the identity from being given away again.
        self._weights: dict[int, tuple[int, Any]] = {}
        self.limit = max(GROWTH * self._weight(document), _SMALLEST_LIMIT)

    def checked(self, value: Any) -> Any:
        if time.monotonic() > self._deadline or self._weight(value) > self.limit:
            raise TooMuch
        return value

    def _weight(self, value: Any) -> int:
        """About how many characters it has, written out."""
        if isinstance(value, str):
            return len(value) + 2
        if not isinstance(value, list | dict):
            return 1
        known = self._weights.get(id(value))
        if known is None:
            inside = value if isinstance(value, list) else value.values()
            names = sum(map(len, value)) if isinstance(value, dict) else 0
            known = (1 + names + len(value) + sum(map(self._weight, inside)), value)
            self._weights[id(value)] = known
        return known[0]


def _functions(budget: _Budget) -> Any:
    """Only `join` makes more than it is given: the separator, over and over."""

    def join(functions: Any, separator: str, array: list[str]) -> str:
        if len(separator) * len(array) > budget.limit:
            raise TooMuch
        return separator.join(array)

    functions = Functions()
    functions.FUNCTION_TABLE = {**_FUNCTIONS, "join": {**_FUNCTIONS["join"], "function": join}}
    return functions
