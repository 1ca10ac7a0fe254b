import secrets

import pytest
from langgraph.store.base import InvalidNamespaceError, PutOp

from core.errors import Invalid
from graphs.store import TenantStore, bounds

NOTES = ("notes",)


def bytes_in_labels(depth: int, total: int) -> tuple[str, ...]:
    return tuple(secrets.token_hex(total)[: total // depth] for _ in range(depth))


async def test_the_largest_namespace_key_and_field_fit(store: TenantStore) -> None:
    """Of characters that do not compress."""
    namespace = bytes_in_labels(bounds.MAX_DEPTH, bounds.MAX_NAMESPACE_BYTES)
    key = secrets.token_hex(bounds.MAX_KEY_BYTES // 2)
    field = secrets.token_hex(bounds.MAX_FIELD_BYTES // 2)
    value = {field: "cats", "padding": "x" * (bounds.MAX_VALUE_BYTES - len(field) - 30)}
    await store.aput(namespace, key, value, index=[field])
    (found,) = await store.asearch(namespace, query="cats")
    assert (found.key, found.value) == (key, value)


@pytest.mark.parametrize(
    ("namespace", "key"),
    [
        (("a",) * (bounds.MAX_DEPTH + 1), "k"),
        (("ä" * (bounds.MAX_NAMESPACE_BYTES // 2), "b"), "k"),
        (("a\ud800",), "k"),
        (("a",), ""),
        (("a",), "k\x00"),
        (("a",), "\udfff"),
        (("a",), "ä" * (bounds.MAX_KEY_BYTES // 2) + "b"),
    ],
    ids=lambda part: ascii(part)[:20],
)
async def test_namespaces_and_keys_out_of_bounds_are_refused(
    store: TenantStore, namespace: tuple[str, ...], key: str
) -> None:
    with pytest.raises(Invalid):
        await store.aput(namespace, key, {})
    with pytest.raises(Invalid):
        await store.aget(namespace, key)


@pytest.mark.parametrize("namespace", [(), ("",), ("a.b",), ("langgraph", "x")])
async def test_namespaces_that_langgraph_reserves_are_refused(store: TenantStore, namespace: tuple[str, ...]) -> None:
    with pytest.raises(InvalidNamespaceError):
        await store.aput(namespace, "k", {})
    with pytest.raises(Invalid):
        await store.abatch([PutOp(namespace, "k", {})])


@pytest.mark.parametrize(
    "value",
    [
        {"a": "b\x00c"},
        {"a\x00": 1},
        {"a": "\\\x00"},
        {"a": "\ud800"},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": object()},
        {"a": "x" * bounds.MAX_VALUE_BYTES},
    ],
    ids=lambda value: ascii(value)[:20],
)
async def test_values_that_postgres_cannot_keep_are_refused(store: TenantStore, value: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        await store.aput(NOTES, "a", value)


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf"), bounds.MAX_TTL_MINUTES + 1])
async def test_times_to_live_out_of_bounds_are_refused(store: TenantStore, ttl: float) -> None:
    with pytest.raises(Invalid):
        await store.aput(NOTES, "a", {}, ttl=ttl)


@pytest.mark.parametrize(
    "index",
    [["a"] * (bounds.MAX_FIELDS + 1), ["ä" * bounds.MAX_FIELD_BYTES], ["a\x00"], ["many[*]"], "a"],
    ids=lambda index: ascii(index)[:20],
)
async def test_an_index_out_of_bounds_is_refused(store: TenantStore, index: list[str]) -> None:
    with pytest.raises(Invalid):
        await store.aput(NOTES, "a", {"a": "b", "many": ["word"] * (bounds.MAX_TEXTS + 1)}, index=index)


@pytest.mark.parametrize("page", [{"limit": 0}, {"limit": bounds.MAX_LIMIT + 1}, {"offset": -1}, {"offset": 2**63}])
async def test_pages_out_of_bounds_are_refused(store: TenantStore, page: dict[str, int]) -> None:
    with pytest.raises(Invalid):
        await store.asearch(NOTES, **page)  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        await store.alist_namespaces(**page)  # type: ignore[arg-type]


async def test_values_too_large_to_be_sent_together_are_refused_and_come_in_smaller_pages(store: TenantStore) -> None:
    heavy = {"a": "x" * (bounds.MAX_VALUE_BYTES - 100)}
    count = bounds.MAX_FOUND_BYTES // bounds.MAX_VALUE_BYTES + 2
    await store.abatch([PutOp(NOTES, str(number), heavy, index=False) for number in range(count)])
    with pytest.raises(Invalid, match="limit"):
        await store.asearch(NOTES, limit=count)
    assert len(await store.asearch(NOTES, limit=10)) == 10
