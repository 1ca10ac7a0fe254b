"""An OpenAPI document as tools: a draft of one for each operation, or the reason why there is none."""

from collections.abc import Collection
from dataclasses import dataclass

from tools.openapi.document import Document, Skipped, Unusable
from tools.openapi.drafting import Draft, Drafting
from tools.openapi.naming import Names, operation_name
from tools.openapi.operations import operations_of
from tools.openapi.reading import read_document
from tools.openapi.references import References
from tools.openapi.security import Security
from tools.openapi.servers import checked_base_url

__all__ = ["Draft", "Import", "read_document", "tools_of"]

MAX_OPERATIONS = 20_000


@dataclass(frozen=True, slots=True)
class Import:
    """`tools` and `skipped` are together all operations of the document, or all that were included."""

    title: str
    version: str
    tools: tuple[Draft, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]


def tools_of(
    document: Document,
    *,
    prefix: str | None = None,
    base_url: str | None = None,
    include: Collection[str] | None = None,
) -> Import:
    """`include` names operations like "GET /pets/{petId}". Names do not depend on it.

    `base_url` stands in the place of all servers. Takes CPU time like `read_document`: call it in a thread.
    Raises `Invalid` for a `base_url` that is none.
    """
    references = References(document.root)
    found = operations_of(document, references)
    security = Security(document, references, found.operations)
    server = checked_base_url(base_url) if base_url else None
    drafting = Drafting(document, references, security, server)
    names = Names()
    drafts: list[Draft] = []
    skipped = [each for each in found.skipped if include is None or each.operation in include]
    for number, operation in enumerate(found.operations):
        name = names.take(operation_name(operation.raw.get("operationId"), operation.method, operation.path, prefix))
        if include is not None and operation.key not in include:
            continue
        try:
            if number >= MAX_OPERATIONS and include is None:
                raise Unusable(f"The document has more than {MAX_OPERATIONS} operations: choose some.")
            drafts.append(drafting.draft(operation, name))
        except Unusable as exc:
            skipped.append(Skipped(operation.method, operation.path, exc.reason))
    return Import(document.title, document.version, tuple(drafts), tuple(skipped), found.notes)
