import asyncio
import io
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from ingest import parsing
from ingest.blocks import Block, DocumentRejected, ParsedDocument
from ingest.parsing import ParseLimits, parse

LIMITS = ParseLimits()


def ignore(done: int, total: int | None) -> None:
    """Progress that nobody listens to."""


@pytest.fixture(scope="module")
def slow_pdf() -> bytes:
    """A PDF that takes more than a second to read."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    for page in range(150):
        for line in range(50):
            canvas.drawString(
                40, 780 - 15 * line, f"Page {page}, line {line}: the quick brown fox jumps over the dog."
            )
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def server_pid() -> int:
    parsing.start_parse_server()
    process = parsing._server._process
    assert process is not None
    return process.pid


def children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


async def begin(data: bytes, limits: ParseLimits = LIMITS) -> tuple["asyncio.Task[ParsedDocument]", int]:
    """A parse that is under way, and the pid of its child."""
    before = children(server_pid())
    under_way = asyncio.Event()
    task = asyncio.create_task(parse(data, "a.pdf", limits, lambda done, total: under_way.set()))
    async with asyncio.timeout(60):
        await under_way.wait()
    (child,) = children(server_pid()) - before
    return task, child


def ends(pid: int) -> bool:
    """Whether the process ends within 20 seconds."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], 20)[0])
    finally:
        os.close(process)


async def test_parses_in_a_child_and_returns_blocks() -> None:
    document = await parse(b"# Title\n\nBody.", "a.md", LIMITS, ignore)
    assert document.blocks == (Block("heading", "Title", level=1), Block("paragraph", "Body."))
    assert document.pages is None


async def test_rejection_keeps_code_and_sentence() -> None:
    with pytest.raises(DocumentRejected) as caught:
        await parse(b"", "a.txt", LIMITS, ignore)
    assert caught.value.code == "empty_document"
    assert caught.value.detail == "The file is empty; upload one that has content."


async def test_progress_reaches_plain_and_coroutine_listeners(slow_pdf: bytes) -> None:
    plain: list[tuple[int, int | None]] = []
    awaited: list[tuple[int, int | None]] = []

    async def listen(done: int, total: int | None) -> None:
        awaited.append((done, total))

    await parse(slow_pdf, "a.pdf", LIMITS, lambda done, total: plain.append((done, total)))
    await parse(slow_pdf, "a.pdf", LIMITS, listen)
    for heard in (plain, awaited):
        assert heard == sorted(heard)
        assert len(heard) > 2
        assert heard[-1] == (150, 150)


async def test_overtime_is_refused_and_the_child_is_killed(slow_pdf: bytes) -> None:
    task, child = await begin(slow_pdf, ParseLimits(seconds=0.3))
    with pytest.raises(DocumentRejected) as caught:
        await task
    assert caught.value.code == "parse_timeout"
    assert ends(child)


async def test_timeout_of_the_listener_is_not_blamed_on_the_document(slow_pdf: bytes) -> None:
    def fail(done: int, total: int | None) -> None:
        raise TimeoutError("cache")

    with pytest.raises(TimeoutError, match="cache"):
        await parse(slow_pdf, "a.pdf", LIMITS, fail)


async def test_too_little_memory_is_a_rejection() -> None:
    limits = ParseLimits(memory_bytes=700 * 1024 * 1024)
    with pytest.raises(DocumentRejected) as caught:
        await parse(b"<p>word " * 6_000_000, "a.html", limits, ignore)
    assert caught.value.code == "parse_memory"


async def test_more_output_than_allowed_is_refused_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "_BYTES_BESIDE_TEXT", 100)
    with pytest.raises(DocumentRejected) as caught:
        await parse(b"\n\n".join([b"x"] * 50), "a.txt", ParseLimits(text_characters=50), ignore)
    assert caught.value.code == "too_much_text"


async def test_killed_child_is_a_rejection_and_the_next_document_is_parsed(slow_pdf: bytes) -> None:
    task, child = await begin(slow_pdf)
    os.kill(child, signal.SIGKILL)
    with pytest.raises(DocumentRejected) as caught:
        await task
    assert caught.value.code == "parser_crashed"
    assert (await parse(b"x", "a.txt", LIMITS, ignore)).blocks[0].text == "x"


async def test_cancelled_parse_leaves_no_child(slow_pdf: bytes) -> None:
    task, child = await begin(slow_pdf)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ends(child)


async def test_killed_server_is_started_again() -> None:
    await parse(b"x", "a.txt", LIMITS, ignore)
    os.kill(server_pid(), signal.SIGKILL)
    process = parsing._server._process
    assert process is not None
    process.wait(timeout=10)
    assert (await parse(b"again", "a.txt", LIMITS, ignore)).blocks[0].text == "again"


async def test_child_has_no_secret_and_no_other_socket(slow_pdf: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATRIUM_SECRET", "hush")
    monkeypatch.setattr(parsing, "_server", parsing._ParseServer())
    task, child = await begin(slow_pdf)
    os.kill(child, signal.SIGSTOP)
    environment, sockets = environment_and_sockets(child)
    task.cancel()
    assert b"PATH=" in environment
    assert b"hush" not in environment
    assert b"ATRIUM" not in environment
    assert len(sockets) == 1


def environment_and_sockets(pid: int) -> tuple[bytes, set[str]]:
    process = Path("/proc") / str(pid)
    opened = {str(entry.readlink()) for entry in (process / "fd").iterdir()}
    return (process / "environ").read_bytes(), {target for target in opened if target.startswith("socket:")}


def test_nothing_outlives_a_parent_that_was_killed(slow_pdf: bytes, tmp_path: Path) -> None:
    document = tmp_path / "a.pdf"
    document.write_bytes(slow_pdf)
    program = f"""
import asyncio, pathlib
from ingest import parsing
def report(done, total):
    print(parsing._server._process.pid, flush=True)
data = pathlib.Path({str(document)!r}).read_bytes()
asyncio.run(parsing.parse(data, "a.pdf", parsing.ParseLimits(), report))
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    server = int(parent.stdout.readline())
    (child,) = children(server)
    parent.kill()
    parent.wait()
    assert ends(child)
    assert ends(server)
