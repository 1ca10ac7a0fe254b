"""Arithmetic on numbers, in bounded time."""

from tools.builtin.arithmetic import NotComputable, value_of
from tools.calls import Call, ToolFailed
from tools.definitions import SideEffect, Tool

LONGEST = 500  # characters

TOOL = Tool(
    name="calculate",
    version=1,
    kind="builtin",
    description=(
        "Computes an arithmetic expression: + - * / // % ** and parentheses, pi, e, tau, and abs, round, min, max, "
        "pow, sqrt, cbrt, floor, ceil, trunc, log, log2, log10, exp, sin, cos, tan, asin, acos, atan, atan2, sinh, "
        "cosh, tanh, degrees, radians, hypot, gcd, lcm, factorial, comb. Angles are in radians; log(x, base) is "
        "natural without a base."
    ),
    parameters={
        "type": "object",
        "properties": {
            "expression": {
                "type": "string",
                "minLength": 1,
                "maxLength": LONGEST,
                "description": "Like (17.5 + 3) * 2 ** 10 / sqrt(2), with decimal points and no group separators.",
            },
        },
        "required": ["expression"],
        "additionalProperties": False,
    },
    side_effect=SideEffect.NONE,
    invocation={},
)


async def answer(call: Call) -> str:
    """Integers exact, other numbers to 17 digits as Python writes them. Raises `ToolFailed`."""
    try:
        return repr(value_of(call.arguments["expression"][:LONGEST]))
    except NotComputable as exc:
        raise ToolFailed(str(exc)) from exc
