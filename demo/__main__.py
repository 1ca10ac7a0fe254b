"""`make demo`: the main job without hands, over real HTTP, on a temporary data directory."""

import secrets
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.launch import free_port, running_house
from core.errors import OperatorError
from core.settings import EMBEDDED, load_settings
from demo.client import Client
from demo.handbook import DOCUMENTS


@dataclass(frozen=True, slots=True)
class Expectation:
    """A question and what its answer must say; `document` is the one it must cite, None for none at all."""

    question: str
    answer: str
    document: str | None
    follows_up: bool = False


EXPECTATIONS = (
    Expectation("How many days of holiday do I get after six years?", "28 days", "people.md"),
    Expectation("What is the hotel ceiling in Zurich?", "£210", "travel-and-expenses.pdf"),
    Expectation("And in London?", "£185", "travel-and-expenses.pdf", follows_up=True),
    Expectation("Within how many minutes must I report a lost laptop?", "30 minutes", "it-security.docx"),
    Expectation("May I bring my dog to the office?", "I don't know", None),
)


class DemoFailed(Exception):
    pass


def main() -> int:
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="atrium-demo-") as folder:
            settings = load_settings(**EMBEDDED, data_dir=Path(folder), port=free_port(), host="127.0.0.1")
            with running_house(settings) as house:
                print(f"Atrium runs on {house.url}, its data in {folder}\n")
                _main_job(house.url)
    except (OperatorError, DemoFailed) as error:
        print(f"\ndemo: failed: {error}", file=sys.stderr)
        return 1
    print(f"\ndemo: ok, {len(EXPECTATIONS)} questions in {time.monotonic() - started:.1f} s")
    return 0


def _main_job(url: str) -> None:
    with Client(url) as ann, Client(url) as eve:
        _sign_up(ann, "Pellwick Lamp Works", "ann")
        _upload_handbook(ann)
        thread_id = None
        for expectation in EXPECTATIONS:
            thread_id = _ask(ann, expectation, thread_id if expectation.follows_up else None)
        print("\nA second tenant asks the same and must find nothing:")
        _sign_up(eve, "Another Company", "eve")
        stranger = Expectation(EXPECTATIONS[0].question, "I don't know", None)
        _ask(eve, stranger, None, expect_sources=False)


def _sign_up(client: Client, tenant: str, name: str) -> None:
    me = client.register(
        tenant_name=tenant,
        email=f"{name}@atrium.example",
        password=secrets.token_urlsafe(12),
        name=name.title(),
    )
    print(f"{me['name']} signed up as {me['role']} of {me['tenant_name']}")


def _upload_handbook(client: Client) -> None:
    knowledge_base_id = client.knowledge_base("Handbook")
    for document in client.upload(knowledge_base_id, list(DOCUMENTS)):
        stages = []
        for stage, step in client.follow(document):
            stages.append(_stage(stage, step))
        print(f"  {document['name']}: {' → '.join(stages)}")
        if stage != "ready":
            raise DemoFailed(f"{document['name']} ended {stage}: {step['error_detail']}")


def _stage(stage: str, step: dict[str, Any]) -> str:
    if step["done"] is None:
        return stage
    return f"{stage} {step['done']}" + (f"/{step['total']}" if step["total"] else "")


def _ask(client: Client, expectation: Expectation, thread_id: str | None, *, expect_sources: bool = True) -> str:
    """Prints the answer as it streams, then what it cites; returns the thread."""
    print(f"\n? {expectation.question}\n  ", end="")
    answer, sources, cited, thread, end = "", {}, [], "", ""
    for name, event in client.chat(expectation.question, thread_id):
        match name:
            case "run_started":
                thread = event["thread_id"]
            case "sources":
                sources = {source["number"]: source for source in event["sources"]}
            case "token":
                answer += event["text"]
                print(event["text"], end="", flush=True)
            case "citation":
                cited.append(event["citation"])
        end = name
    print()
    for citation in cited:
        _print_source(citation)
    _check(expectation, answer, cited, end)
    if bool(sources) != expect_sources:
        raise DemoFailed(f"{len(sources)} sources for “{expectation.question}”")
    return thread


def _print_source(citation: dict[str, Any]) -> None:
    page = f", page {citation['page']}" if citation["page"] else ""
    mark = "" if citation["supported"] else " (not supported by its source)"
    quote = " ".join(citation["quote"].split())
    print(f"    [{citation['number']}] {citation['document_name']}{page}: “{quote}”{mark}")


def _check(expectation: Expectation, answer: str, cited: list[dict[str, Any]], end: str) -> None:
    if end != "run_ended":
        raise DemoFailed(f"“{expectation.question}” ended with {end}")
    if expectation.answer not in answer:
        raise DemoFailed(f"the answer to “{expectation.question}” does not say “{expectation.answer}”")
    documents = {citation["document_name"] for citation in cited if citation["supported"]}
    if expectation.document is None and cited:
        raise DemoFailed(f"the answer to “{expectation.question}” cites {documents}")
    if expectation.document is not None and expectation.document not in documents:
        raise DemoFailed(f"the answer to “{expectation.question}” does not cite {expectation.document}")


if __name__ == "__main__":
    sys.exit(main())
