"""Who a run acts for, in the words that graphs made for LangGraph's servers know."""

from collections.abc import Iterator, Mapping
from typing import Any


class AuthUser(Mapping[str, Any]):
    """langgraph-sdk's `BaseUser`, around the run's `configurable["langgraph_auth_user"]`."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    @property
    def identity(self) -> str:
        return str(self._fields["identity"])

    @property
    def display_name(self) -> str:
        return self.identity

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def permissions(self) -> list[str]:
        return list(self._fields.get("permissions", ()))

    def __getitem__(self, key: str) -> Any:
        return self._fields[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)
