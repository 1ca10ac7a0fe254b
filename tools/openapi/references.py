"""What `$ref` points to, inside the document only: nothing is ever fetched."""

from typing import Any
from urllib.parse import quote, unquote

from tools.openapi.document import Unusable

MAX_HOPS = 32

_CIRCLE = "It has a `$ref` that leads in a circle."


class References:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._targets: dict[str, Any] = {}

    def pointer_of(self, reference: object) -> str:
        """Its JSON Pointer (RFC 6901) in one spelling. Raises `Unusable` for what is in another document."""
        if not isinstance(reference, str):
            raise Unusable("It has a `$ref` that is no text.")
        document, _, fragment = reference.partition("#")
        if document:
            raise Unusable(f"It refers to another document, which is not fetched: {reference[:200]}.")
        if fragment and not fragment.startswith("/"):
            raise Unusable(f"It refers to an anchor, which is not supported: {reference[:200]}.")
        return quote(unquote(fragment), safe="/~!$&'()*+,;=:@")

    def target(self, pointer: str) -> Any:
        """Raises `Unusable` if the document has no such part."""
        return self._target(pointer, MAX_HOPS)

    def followed(self, raw: Any) -> Any:
        """`raw`, or what it refers to in the end. Raises `Unusable`."""
        for _ in range(MAX_HOPS):
            if not isinstance(raw, dict) or "$ref" not in raw:
                return raw
            raw = self.target(self.pointer_of(raw["$ref"]))
        raise Unusable(_CIRCLE)

    def _target(self, pointer: str, hops: int) -> Any:
        if pointer not in self._targets:
            self._targets[pointer] = self._looked_up(pointer, hops)
        return self._targets[pointer]

    def _looked_up(self, pointer: str, hops: int) -> Any:
        current: Any = self._root
        for token in pointer.split("/")[1:]:
            name = unquote(token).replace("~1", "/").replace("~0", "~")
            # Pointers through a `$ref` exist, although they are none.
            if isinstance(current, dict) and "$ref" in current and name not in current:
                if not hops:
                    raise Unusable(_CIRCLE)
                current = self._target(self.pointer_of(current["$ref"]), hops - 1)
            if isinstance(current, dict) and name in current:
                current = current[name]
            elif isinstance(current, list) and name.isdecimal() and len(name) < 10 and int(name) < len(current):
                current = current[int(name)]
            else:
                raise Unusable(f"It refers to what the document does not have: #{pointer[:200]}.")
        return current
