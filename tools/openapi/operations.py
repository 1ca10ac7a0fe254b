"""Every operation that a document describes under `paths`, usable or not."""

from dataclasses import dataclass, field
from typing import Any

from tools.openapi.document import Document, Skipped, Unusable
from tools.openapi.references import References

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

_USED = (*METHODS, "parameters", "servers")


@dataclass(frozen=True, slots=True)
class Operation:
    """`raw` is the operation as the document has it, `item` the path item around it."""

    method: str
    path: str
    raw: dict[str, Any] = field(repr=False)
    item: dict[str, Any] = field(repr=False)

    @property
    def key(self) -> str:
        """What names it across versions of the document: "GET /pets/{petId}"."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Found:
    """`operations` and `skipped` are together what the document counts; `notes` are on whole paths."""

    operations: tuple[Operation, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]


def operations_of(document: Document, references: References) -> Found:
    """In the order of the document's paths and of `METHODS`; webhooks and callbacks are not for calling."""
    operations: list[Operation] = []
    skipped: list[Skipped] = []
    notes: list[str] = []
    paths = document.root.get("paths")
    for path, given in paths.items() if isinstance(paths, dict) else ():
        try:
            item = _item(given, references)
        except Unusable as exc:
            notes.append(f"{path}: {exc.reason}")
            continue
        for method in (name for name in METHODS if name in item):
            if isinstance(item[method], dict):
                operations.append(Operation(method.upper(), path, item[method], item))
            else:
                skipped.append(Skipped(method.upper(), path, "Its description is no object."))
    return Found(tuple(operations), tuple(skipped), tuple(notes))


def _item(given: Any, references: References) -> dict[str, Any]:
    """What stands beside a path item's `$ref` wins."""
    followed = references.followed(given)
    if not isinstance(followed, dict):
        return {}
    return {name: given.get(name, followed.get(name)) for name in _USED if name in given or name in followed}
