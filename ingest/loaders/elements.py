"""Elements of unstructured to blocks."""

from collections.abc import Iterable, Iterator

from ingest.blocks import Block
from ingest.loaders.html import parse_html
from ingest.loaders.offline_unstructured import Element

_DEEPEST_LEVEL = 6
# Running headers and footers repeat on every page and say nothing about the text beside them.
_LEFT_OUT = ("Header", "Footer", "PageBreak", "Image")


def blocks_of(elements: Iterable[Element], title_level: int, nested_titles: bool = True) -> Iterator[Block]:
    """A title of depth 0 becomes a heading of title_level; without nested_titles, deeper ones are text."""
    for element in elements:
        page, text = element.metadata.page_number, element.text or ""
        depth = element.metadata.category_depth or 0
        if element.category in _LEFT_OUT:
            continue
        if element.category == "Table":
            yield from _table(element, page)
        elif element.category == "Title" and (nested_titles or not depth):
            yield Block("heading", text, level=min(title_level + depth, _DEEPEST_LEVEL), page=page)
        elif element.category == "ListItem":
            yield Block("list_item", text, page=page)
        else:
            yield Block("paragraph", text, page=page)


def _table(element: Element, page: int | None) -> Iterator[Block]:
    markup = element.metadata.text_as_html
    if not markup:
        yield Block("paragraph", element.text or "", page=page)
        return
    for block in parse_html(markup):
        yield Block(block.kind, block.text, level=block.level, page=page)
