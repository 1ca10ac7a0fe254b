"""The part of a run's or a checkpoint's metadata that is a client's to see."""

from collections.abc import Mapping
from typing import Any

_PRIVATE = ("__", "langgraph_auth_")


def shown(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Without what only the server knows of the caller."""
    return {name: value for name, value in metadata.items() if not name.startswith(_PRIVATE) and name != "tenant_id"}
