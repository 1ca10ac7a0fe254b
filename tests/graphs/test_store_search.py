import pytest
from langgraph.store.base import PutOp

from core.errors import Invalid
from graphs.store import TenantStore

NOTES = ("notes",)


async def keys_found(store: TenantStore, **search: object) -> list[str]:
    return [item.key for item in await store.asearch(NOTES, **search)]  # type: ignore[arg-type]


async def test_a_search_finds_the_nearest_in_meaning_first(store: TenantStore) -> None:
    await store.aput(NOTES, "food", {"text": "Ann likes pizza with olives"})
    await store.aput(NOTES, "car", {"text": "The car is in the garage until Friday"})
    await store.aput(NOTES, "hidden", {"text": "What does Ann like to eat?"}, index=False)
    found = await store.asearch(NOTES, query="What does Ann like to eat?")
    assert [item.key for item in found] == ["food", "car"]
    assert found[0].score is not None
    assert found[1].score is not None
    assert 1 >= found[0].score > found[1].score
    assert await keys_found(store, query="food", limit=1, offset=1) == ["car"]


async def test_only_the_fields_of_the_index_are_compared_and_the_nearest_counts(store: TenantStore) -> None:
    value = {"title": "cats", "parts": [{"text": "sailing boats"}, {"text": "interest rates"}], "n": 7}
    await store.aput(NOTES, "a", value, index=["parts[*].text", "missing"])
    await store.aput(NOTES, "b", {"title": "cats"}, index=["title"])
    assert await keys_found(store, query="cats") == ["b", "a"]
    assert await keys_found(store, query="interest rates") == ["a", "b"]
    (found,) = await store.asearch(NOTES, query="sailing boats", limit=1)
    assert found.score == pytest.approx(1, abs=0.01)


async def test_a_new_value_is_no_longer_found_by_what_the_old_one_said(store: TenantStore) -> None:
    await store.aput(NOTES, "a", {"x": "sailing boats", "y": "cats"}, index=["x", "y"])
    await store.aput(NOTES, "a", {"y": "cats"}, index=["x", "y"])
    (found,) = await store.asearch(NOTES, query="sailing boats")
    assert found.score is not None
    assert found.score < 0.9
    await store.aput(NOTES, "a", {"y": "cats"}, index=False)
    assert await keys_found(store, query="cats") == []


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        ({"n": 9}, "b"),
        ({"n": {"$eq": 9.0}}, "b"),
        ({"n": {"$ne": 9}}, "acd"),
        ({"n": {"$gt": 9}}, "a"),
        ({"n": {"$gte": 9, "$lt": 10}}, "b"),
        ({"n": {"$lte": 10}}, "ab"),
        ({"n": "10"}, "c"),
        ({"n": {"$gt": "1"}}, "c"),
        ({"n": None}, "d"),
        ({"deep": {"tag": "x"}}, "a"),
        ({"deep": {"tag": {"$ne": "x"}}, "n": {"$gt": 0}}, "b"),
        ({"tags": ["p", "q"]}, "b"),
        ({"tags": ["q", "p"]}, ""),
        ({"missing": {"$gt": 0}}, ""),
        ({}, "abcd"),
    ],
    ids=str,
)
async def test_filters(store: TenantStore, wanted: dict[str, object], keys: str) -> None:
    values: dict[str, dict[str, object]] = {
        "a": {"n": 10, "deep": {"tag": "x"}},
        "b": {"n": 9, "deep": {"tag": "y"}, "tags": ["p", "q"]},
        "c": {"n": "10"},
        "d": {},
    }
    await store.abatch([PutOp(NOTES, key, value, index=False) for key, value in values.items()])
    assert sorted(await keys_found(store, filter=wanted)) == list(keys)


@pytest.mark.parametrize(
    "wanted",
    [
        {"n": {"$regex": "x"}},
        {"n": {"$gt": 1, "other": 2}},
        {"n": {"$gt": float("inf")}},
        {"n\x00": 1},
        {"n": "\ud800"},
        {str(number): number for number in range(33)},
        {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}},
    ],
    ids=lambda wanted: ascii(wanted)[:30],
)
async def test_a_filter_that_makes_no_sense_is_refused(store: TenantStore, wanted: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        await store.asearch(NOTES, filter=wanted)


async def test_a_query_and_a_filter_hold_together(store: TenantStore) -> None:
    await store.aput(NOTES, "a", {"text": "cats", "kind": "x"})
    await store.aput(NOTES, "b", {"text": "cats", "kind": "y"})
    assert await keys_found(store, query="cats", filter={"kind": "y"}) == ["b"]


async def test_a_prefix_is_of_whole_labels_and_the_latest_comes_first(store: TenantStore) -> None:
    for namespace in (("foo",), ("foo", "bar"), ("foobar",), ("foo", "b_r", "x"), ("bar", "foo")):
        await store.aput(namespace, "k", {}, index=False)

    async def under(*prefix: str) -> list[tuple[str, ...]]:
        return [item.namespace for item in await store.asearch(prefix)]

    assert await under("foo") == [("foo", "b_r", "x"), ("foo", "bar"), ("foo",)]
    assert await under("foo", "b_r") == [("foo", "b_r", "x")]
    assert await under("foo", "bar", "x") == []
    assert len(await under()) == 5


async def test_namespaces_are_listed_by_prefix_suffix_wildcard_and_depth(store: TenantStore) -> None:
    for namespace in (("a", "b", "c"), ("a", "b", "d", "e"), ("a", "b", "d", "i"), ("a", "b", "f"), ("a", "c", "f")):
        await store.abatch([PutOp(namespace, key, {}, index=False) for key in "xy"])
    assert await store.alist_namespaces(prefix=("a", "b"), max_depth=3) == [
        ("a", "b", "c"),
        ("a", "b", "d"),
        ("a", "b", "f"),
    ]
    assert await store.alist_namespaces(suffix=("f",)) == [("a", "b", "f"), ("a", "c", "f")]
    assert await store.alist_namespaces(prefix=("a", "*", "f")) == [("a", "b", "f"), ("a", "c", "f")]
    assert await store.alist_namespaces(suffix=("d", "*")) == [("a", "b", "d", "e"), ("a", "b", "d", "i")]
    assert await store.alist_namespaces(prefix=("a", "c"), suffix=("d", "e")) == []
    assert await store.alist_namespaces(prefix=("a", "b", "c", "*")) == []
    assert await store.alist_namespaces(limit=1, offset=1) == [("a", "b", "d", "e")]
