"""What an item's value must be like, as conditions that one SQL statement can check."""

from collections.abc import Iterator, Mapping
from typing import Any, LiteralString

from core.errors import Invalid
from graphs.store import bounds

MAX_CONDITIONS = 32
MAX_DEPTH = 8

_OPERATORS = {"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"}

# A field that is missing is like null. What has an order has it among values of its own type only.
MATCHES: LiteralString = """
(%(conditions)s::jsonb = '[]' OR NOT EXISTS (
    SELECT FROM jsonb_to_recordset(%(conditions)s::jsonb) AS wanted (path text[], operator text, operand jsonb)
    WHERE (CASE operator
        WHEN '$eq' THEN coalesce(value #> path, 'null') = coalesce(operand, 'null')
        WHEN '$ne' THEN coalesce(value #> path, 'null') <> coalesce(operand, 'null')
        ELSE jsonb_typeof(value #> path) = jsonb_typeof(operand) AND CASE operator
            WHEN '$gt' THEN value #> path > operand
            WHEN '$gte' THEN value #> path >= operand
            WHEN '$lt' THEN value #> path < operand
            WHEN '$lte' THEN value #> path <= operand
        END
    END) IS NOT TRUE
))
"""


def conditions(wanted: Mapping[str, Any] | None) -> str:
    """JSON for `MATCHES`: `{"a": 1}`, `{"a": {"$gt": 1}}` and nested `{"a": {"b": …}}`, all of which must hold.

    Raises `Invalid` for an unknown operator and for more than `MAX_CONDITIONS`.
    """
    found = []
    for condition in _flattened(wanted or {}, ()):
        found.append(condition)
        if len(found) > MAX_CONDITIONS:
            raise Invalid(f"A filter has at most {MAX_CONDITIONS} conditions.", code="invalid_filter")
    return bounds.json_text(found)


def _flattened(wanted: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if len(path) >= MAX_DEPTH:
        raise Invalid(f"A filter is nested at most {MAX_DEPTH} levels deep.", code="invalid_filter")
    for name, operand in wanted.items():
        if not isinstance(operand, Mapping) or not operand:
            yield {"path": [*path, name], "operator": "$eq", "operand": operand}
        elif any(str(key).startswith("$") for key in operand):
            for operator, compared in operand.items():
                yield {"path": [*path, name], "operator": _known(operator), "operand": compared}
        else:
            yield from _flattened(operand, (*path, name))


def _known(operator: str) -> str:
    if operator not in _OPERATORS:
        raise Invalid(f"A filter's operators are {', '.join(sorted(_OPERATORS))}.", code="invalid_filter")
    return operator
