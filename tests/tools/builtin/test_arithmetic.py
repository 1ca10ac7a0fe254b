"""Arithmetic is exact, and no expression keeps the process busy or reaches anything but numbers."""

import time
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tenancy import Role, TenantContext
from tests.tools.builtin.calls import call_of
from tools.builtin import calculate
from tools.builtin.arithmetic import NotComputable, value_of
from tools.calls import ToolFailed

CTX = TenantContext(uuid4(), uuid4(), Role.MEMBER)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("2 + 3 * 4", "14"),
        ("-(2 + 3) * 4", "-20"),
        ("7 / 2", "3.5"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("2 ** 10", "1024"),
        ("2 ** -2", "0.25"),
        ("1e3 + .5", "1000.5"),
        ("123456789012345678901234567890 * 3", "370370367037037036703703703670"),
        ("factorial(25)", "15511210043330985984000000"),
        ("round(2.567, 2)", "2.57"),
        ("round(2.4)", "2"),
        ("max(1, 2.5, min(7, 9))", "7"),
        ("sqrt(2) ** 2", "2.0000000000000004"),
        ("floor(-1.5) + ceil(1.2)", "0"),
        ("log(8, 2)", "3.0"),
        ("log(e)", "1.0"),
        ("sin(pi / 2)", "1.0"),
        ("gcd(12, 18) + lcm(4, 6)", "18"),
        ("comb(5, 2)", "10"),
        (" 1\t+ 1 ", "2"),
        ("1 ** 10 ** 9", "1"),
    ],
)
async def test_result_is_exact(expression: str, text: str) -> None:
    assert await calculate.answer(call_of(CTX, "calculate", expression=expression)) == text


@given(st.integers(-(10**30), 10**30), st.integers(-(10**30), 10**30), st.sampled_from("+-*"))
def test_integers_never_lose_a_digit(left: int, right: int, sign: str) -> None:
    exact = {"+": left + right, "-": left - right, "*": left * right}[sign]
    assert value_of(f"({left}) {sign} ({right})") == exact


BOMBS = [
    "9**9**9", "9**9**9**9", "(9**999)**999", "2**99999999999", "factorial(10**9)", "factorial(factorial(50))",
    "round(10, -10**9)", "round(1, -999999999)", "comb(10**9, 10**8)", "1e308 * 10", "exp(1000)", "10**400 * 1.0",
    "*".join(["9**1000"] * 60), "lcm(" + ",".join(f"9**1200+{n}" for n in range(40)) + ")", "pow(9, pow(9, 9))",
    "(" * 249 + "1" + ")" * 249, "-" * 499 + "1", "(" * 500, "9" * 490 + "**999",
    "floor(1e999)",
]  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_bomb_is_refused_at_once(bomb: str) -> None:
    began = time.thread_time()
    with pytest.raises(NotComputable):
        value_of(bomb[: calculate.LONGEST])
    assert time.thread_time() - began < 0.25


@pytest.mark.parametrize(
    "expression",
    [
        "", "hello", "'a' * 3", '"a"', "b'a'", "[1, 2]", "(1, 2)", "{1}", "{1: 2}", "[x for x in (1,)]", "lambda: 1",
        "(1).real", "abs.__class__", "().__class__.__bases__", "__import__('os')", "open", "print(1)", "abs", "pi()",
        "min(1, 2, key=abs)", "max(*(1, 2))", "f'{1}'", "1 if 1 else 2", "1if 1else 2", "1 < 2", "1 and 2", "not 1",
        "True", "None", "...", "1j", "(-8) ** 0.5", "1 << 5", "2 ^ 3", "~1", "x := 1", "x = 1", "1; 2", "1,000",
        "5 %", "1 / 0", "1 % 0", "0 ** -1", "sqrt(-1)", "log(0)", "min(3)", "round(1, 0.5)", "factorial(1.5)", "0x1f",
        "\x00", "1 +", "1\n2", "٣ + 1", "ｐｉ", "await 1", "import os", "del pi",
    ],
)  # fmt: skip
def test_nothing_but_arithmetic_is_computed(expression: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotComputable):
        value_of(expression)
    assert capfd.readouterr() == ("", "")


@given(st.text(st.sampled_from("0123456789.+-*/%(), episqrtabcomlgn_"), max_size=60))
def test_any_text_gives_a_number_or_a_reason(text: str) -> None:
    try:
        assert type(value_of(text)) in (int, float)
    except NotComputable as reason:
        assert str(reason).endswith(".")


async def test_model_is_told_why() -> None:
    with pytest.raises(ToolFailed, match=r"written as \*\*"):
        await calculate.answer(call_of(CTX, "calculate", expression="2 ^ 3"))
