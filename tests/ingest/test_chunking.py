from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.blocks import Block, ParsedDocument
from ingest.chunking import CHUNK_CHARACTERS, TABLE_CHARACTERS, ChunkedDocument, chunk

SENTENCE = "The quick brown fox jumps over the lazy dog near the river bank. "


def chunked(*blocks: Block) -> ChunkedDocument:
    return chunk(ParsedDocument(blocks))


def heading(text: str, level: int = 1, page: int | None = None) -> Block:
    return Block("heading", text, level=level, page=page)


def paragraph(text: str, page: int | None = None) -> Block:
    return Block("paragraph", text, page=page)


any_text = st.one_of(
    st.text(min_size=1, max_size=60),
    st.lists(st.sampled_from(["A b c. ", "Dr. No. ", "x", "\n", " ", "long" * 30, "é。", "| "]), min_size=1).map(
        "".join
    ),
)
any_block = st.builds(
    Block,
    kind=st.sampled_from(["heading", "paragraph", "list_item", "table", "code"]),
    text=any_text.filter(lambda text: bool(text.strip())),
    level=st.integers(1, 6),
    page=st.none() | st.integers(1, 9),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(any_block, max_size=12).map(tuple), st.integers(20, 200))
def test_chunks_are_true_spans_in_order_and_cover_everything(blocks: tuple[Block, ...], size: int) -> None:
    document = chunk(ParsedDocument(blocks), size=size, table_size=2 * size)
    covered = 0
    for ordinal, item in enumerate(document.chunks):
        assert item.ordinal == ordinal
        assert item.text.strip()
        assert document.text[item.start : item.end] == item.text
        assert item.start >= covered
        assert not document.text[covered : item.start].strip()
        covered = item.end
    assert not document.text[covered:].strip()
    assert document == chunk(ParsedDocument(blocks), size=size, table_size=2 * size)


def test_heading_opens_a_chunk_and_its_path_is_the_context() -> None:
    document = chunked(
        heading("Guide"), heading("Travel", 2), paragraph("By train."), heading("Food", 2), paragraph("Soup.")
    )
    assert [(item.text, item.headings) for item in document.chunks] == [
        ("Guide\n\nTravel\n\nBy train.", ("Guide", "Travel")),
        ("Food\n\nSoup.", ("Guide", "Food")),
    ]


def test_indexed_text_names_only_the_headings_that_the_text_lacks() -> None:
    document = chunked(heading("Guide"), heading("Travel", 2), paragraph(SENTENCE * 20))
    first, second = document.chunks[:2]
    assert first.indexed_text == first.text
    assert second.indexed_text == f"Guide\nTravel\n{second.text}"


def test_heading_never_stands_alone_before_a_long_paragraph() -> None:
    document = chunked(heading("Long"), paragraph(SENTENCE * 13))
    assert document.chunks[0].text.startswith("Long\n\nThe quick")


def test_paragraph_is_cut_between_sentences() -> None:
    document = chunked(paragraph(SENTENCE * 60))
    assert len(document.chunks) > 3
    assert all(item.text.endswith("bank.") for item in document.chunks)
    assert all(len(item.text) <= 1.25 * CHUNK_CHARACTERS for item in document.chunks)


def test_abbreviations_do_not_end_sentences() -> None:
    document = chunk(ParsedDocument((paragraph("We met Dr. Jones today. She left."),)), size=24)
    assert [item.text for item in document.chunks] == ["We met Dr. Jones today.", "She left."]


def test_small_neighbours_of_one_section_share_a_chunk() -> None:
    document = chunked(*(Block("list_item", f"point {number}") for number in range(10)))
    assert [item.text for item in document.chunks] == ["\n".join(f"point {number}" for number in range(10))]


def test_table_is_kept_whole_with_its_introduction() -> None:
    rows = "\n".join(f"row {number} | {number}" for number in range(100))
    assert CHUNK_CHARACTERS < len(rows) < TABLE_CHARACTERS
    document = chunked(paragraph(SENTENCE * 12), paragraph("Sales are as follows:"), Block("table", rows))
    assert document.chunks[-1].text.endswith(rows)
    assert "as follows" in document.chunks[-1].text or "as follows" in document.chunks[0].text


def test_large_table_is_cut_between_rows_under_its_header() -> None:
    rows = [f"item {number} | {number} | {number * 2}" for number in range(400)]
    document = chunked(heading("Stock"), Block("table", "\n".join(["name | net | gross", *rows])))
    assert len(document.chunks) > 5
    for item in document.chunks[1:]:
        assert item.headings == ("Stock", "name | net | gross")
        assert item.indexed_text.startswith("Stock\nname | net | gross\n")
        assert set(item.text.split("\n")) <= set(rows)


def test_pages_span_from_first_to_last_block() -> None:
    document = chunked(paragraph("End of one.", page=1), paragraph("Start of two.", page=2))
    assert [(item.page_start, item.page_end) for item in document.chunks] == [(1, 2)]


def test_single_line_of_20_million_characters_is_cut() -> None:
    document = chunked(paragraph("x" * 20_000_000))
    assert sum(len(item.text) for item in document.chunks) == 20_000_000
    assert max(len(item.text) for item in document.chunks) <= 1.25 * CHUNK_CHARACTERS
