"""Nothing of the SDK is left untried."""

import ast
from pathlib import Path

from tests.sdk.methods import CLIENTS, public_methods

# What is tried there is only refused.
REFUSALS = "test_isolation.py"


def test_every_public_method_is_called_with_both_clients() -> None:
    """A test that uses the client `ann` runs once with each; streams of threads have tests for each of their own."""
    called: set[str] = set()
    for file in Path(__file__).parent.glob("test_*.py"):
        if file.name != REFUSALS:
            called |= _methods_called(ast.parse(file.read_text()))
    assert public_methods() - called == set()


def test_both_clients_have_the_same_methods() -> None:
    for asynchronous, synchronous in CLIENTS.values():
        public = [{name for name in dir(kind) if not name.startswith("_")} for kind in (asynchronous, synchronous)]
        assert public[0] == public[1]


def _methods_called(tree: ast.AST) -> set[str]:
    """Of calls like `ann.threads.get(…)`."""
    return {
        f"{node.func.value.attr}.{node.func.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Attribute)
    }
