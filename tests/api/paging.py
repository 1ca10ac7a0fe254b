"""Walks a list from page to page, as a client does."""

from typing import Any

import httpx

Item = dict[str, Any]


def pages_of(client: httpx.Client, path: str, *, limit: int) -> list[list[Item]]:
    pages: list[list[Item]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = client.get(path, params={"limit": limit, **cursor})
        assert answer.status_code == 200, answer.text
        pages.append(answer.json()["items"])
        if answer.json()["next_cursor"] is None:
            return pages
        cursor = {"cursor": answer.json()["next_cursor"]}
