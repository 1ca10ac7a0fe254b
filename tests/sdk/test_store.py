"""The store through the SDK: what is kept, found and listed, and what a graph finds in it."""

from langgraph_sdk.client import LangGraphClient


async def test_an_item_is_kept_changed_and_deleted(ann: LangGraphClient) -> None:
    await ann.store.put_item(["notes", "lamps"], "one", {"text": "a lamp"})
    item = await ann.store.get_item(["notes", "lamps"], "one")
    assert (item["namespace"], item["key"], item["value"]) == (["notes", "lamps"], "one", {"text": "a lamp"})
    await ann.store.put_item(["notes", "lamps"], "one", {"text": "two lamps"}, ttl=60)
    changed = await ann.store.get_item(["notes", "lamps"], "one", refresh_ttl=True)
    assert changed["value"] == {"text": "two lamps"} and changed["created_at"] == item["created_at"]
    await ann.store.delete_item(["notes", "lamps"], "one")
    await ann.store.delete_item(["notes", "lamps"], "one")
    assert await ann.store.get_item(["notes", "lamps"], "one") is None


async def test_items_are_found_by_field_and_by_meaning(ann: LangGraphClient) -> None:
    notes = {"cat": "the cat sleeps on the sofa", "bill": "the invoice is due on Friday", "dog": "the dog barks"}
    for key, text in notes.items():
        await ann.store.put_item(["notes"], key, {"text": text, "kind": "animal" if key != "bill" else "money"})
    found = await ann.store.search_items(["notes"], filter={"kind": "animal"})
    assert {item["key"] for item in found["items"]} == {"cat", "dog"}
    best = (await ann.store.search_items(["notes"], query="when must I pay?", limit=1))["items"]
    assert [item["key"] for item in best] == ["bill"] and best[0]["score"] is not None
    pages = [(await ann.store.search_items(["notes"], limit=2, offset=offset))["items"] for offset in (0, 2)]
    assert [len(page) for page in pages] == [2, 1]


async def test_namespaces_are_listed(ann: LangGraphClient) -> None:
    for namespace in (["a", "x"], ["a", "y", "deep"], ["b", "x"]):
        await ann.store.put_item(namespace, "key", {})
    assert (await ann.store.list_namespaces(prefix=["a"]))["namespaces"] == [["a", "x"], ["a", "y", "deep"]]
    assert (await ann.store.list_namespaces(suffix=["x"]))["namespaces"] == [["a", "x"], ["b", "x"]]
    assert (await ann.store.list_namespaces(max_depth=1))["namespaces"] == [["a"], ["b"]]
    assert (await ann.store.list_namespaces(limit=1, offset=1))["namespaces"] == [["a", "y", "deep"]]
