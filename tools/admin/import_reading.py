"""From an OpenAPI document to drafts that may be registered as they are. Takes CPU time: seconds for the largest."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from core.errors import Invalid
from core.storable import is_storable_json
from tools.calls import Kind
from tools.definitions import KindName, SideEffect
from tools.egress.policy import EgressPolicy, check_url
from tools.openapi.document import Skipped
from tools.openapi.drafting import Draft
from tools.openapi.importing import read_document, tools_of
from tools.openapi.operations import operations_of
from tools.openapi.references import References
from tools.registry import drafts
from tools.registry.grants import NewGrant


@dataclass(frozen=True, slots=True)
class Wish:
    """Which document, either by `url` or as it is, and what an admin wants to be made of it.

    `operations` are those to take, like "GET /pets/{petId}", None for all; `side_effects` is by operation;
    `per_user` are the ids of credentials that everyone connects for themselves; `grants` are for tools that are new.
    """

    name: str
    url: str | None = None
    document: str | dict[str, Any] | None = field(default=None, repr=False)
    base_url: str | None = None
    operations: frozenset[str] | None = None
    prefix: str | None = None
    side_effects: Mapping[str, SideEffect] = field(default_factory=dict)
    per_user: frozenset[str] = frozenset()
    grants: tuple[NewGrant, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """`operations` counts all that the document has."""

    title: str
    version: str
    operations: int
    drafts: tuple[Draft, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]


def bytes_of(document: str | dict[str, Any]) -> bytes:
    """Raises `Invalid`."""
    try:
        return (document if isinstance(document, str) else json.dumps(document)).encode()
    except (UnicodeEncodeError, RecursionError) as exc:
        raise Invalid("This document cannot be read: it holds half a character.", code="openapi_unreadable") from exc


def read(
    wish: Wish,
    data: bytes,
    url: str | None,
    *,
    kinds: Mapping[KindName, Kind],
    policy: EgressPolicy,
    tenant_id: UUID,
) -> Reading:
    """`url` is where `data` was read from. Raises `Invalid`."""
    document = read_document(data, url=url)
    found = tools_of(document, prefix=wish.prefix, base_url=wish.base_url, include=wish.operations)
    every = operations_of(document, References(document.root))
    known = {each.key for each in every.operations} | {each.operation for each in every.skipped}
    _check_known("operations", wish.operations or (), known)
    _check_known("side_effects", wish.side_effects, known)
    _check_known("per_user", wish.per_user, {scheme["id"] for each in found.tools for scheme in _security(each)})
    checking = _Checking(wish, kinds, policy, tenant_id)
    taken, skipped = [], list(found.skipped)
    for draft in found.tools:
        try:
            taken.append(checking.checked(draft))
        except Invalid as exc:
            method, _, path = draft.operation.partition(" ")
            skipped.append(Skipped(method, path, exc.detail))
    total = len(every.operations) + len(every.skipped)
    return Reading(found.title, found.version, total, tuple(taken), tuple(skipped), found.notes)


class _Checking:
    """As `tools.admin.registering` checks a tool, each URL once."""

    def __init__(self, wish: Wish, kinds: Mapping[KindName, Kind], policy: EgressPolicy, tenant_id: UUID) -> None:
        self._wish = wish
        self._kinds = kinds
        self._policy = policy
        self._tenant_id = tenant_id
        self._refusals: dict[str, str | None] = {}

    def checked(self, draft: Draft) -> Draft:
        """Raises `Invalid`."""
        security = [
            scheme | {"per_user": True} if scheme["id"] in self._wish.per_user else scheme
            for scheme in _security(draft)
        ]
        self._check_url(draft.invocation["server"])
        for scheme in security:
            for url in (scheme[name] for name in ("token_url", "authorization_url") if name in scheme):
                self._check_url(url)
        found = drafts.checked(
            self._kinds,
            kind="openapi",
            description=draft.description,
            parameters=draft.parameters,
            side_effect=draft.side_effect,
            invocation=draft.invocation | {"security": security},
        )
        if not is_storable_json([found.parameters, found.invocation]):
            raise Invalid("Its schema holds a NUL character, or a number that is none.")
        return replace(draft, parameters=found.parameters, invocation=found.invocation)

    def _check_url(self, url: str) -> None:
        if url not in self._refusals:
            try:
                check_url(url, self._policy, self._tenant_id)
                self._refusals[url] = None
            except Invalid as exc:
                self._refusals[url] = exc.detail
        if refusal := self._refusals[url]:
            raise Invalid(f"{url[:200]} may not be called: {refusal}", code="url_refused")


def _security(draft: Draft) -> list[dict[str, Any]]:
    security: list[dict[str, Any]] = draft.invocation["security"]
    return security


def _check_known(what: str, given: Collection[str], known: Collection[str]) -> None:
    if unknown := sorted(set(given) - set(known)):
        named = ", ".join(each[:100] for each in unknown[:5])
        raise Invalid(f"The document has none of these that `{what}` names: {named}.", code="openapi_unknown")
