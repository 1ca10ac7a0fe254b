"""Which credentials an operation is called with: the first of its alternatives that can be fulfilled."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

from pydantic import ValidationError

from tools.credentials.schemes import ApiKey, AuthorizationCode, Basic, Bearer, ClientCredentials, Scheme
from tools.openapi.document import Document, Unusable
from tools.openapi.naming import Names
from tools.openapi.operations import Operation
from tools.openapi.references import References

MAX_SCOPES = 100
MAX_ALTERNATIVES = 50
MAX_SCHEMES = 10  # of one alternative
LONGEST_SCOPE = 200

# All of these write the header Authorization, so one of them has to do.
_PREFERENCE = (ClientCredentials, AuthorizationCode, Bearer, Basic)


class Security:
    """Of one document. A scheme is the same for all of its operations, with the scopes that any of them needs."""

    def __init__(self, document: Document, references: References, operations: Iterable[Operation]) -> None:
        self._document = document
        self._references = references
        self.notes: dict[str, str] = {}
        self._refusals: dict[str, str] = {}
        self._schemes = self._read()
        self._add_scopes(operations)

    def of(self, operation: Operation) -> tuple[tuple[Scheme, ...], list[str]]:
        """The schemes, all of which are needed, and notes on them. Raises `Unusable`."""
        schemes = {name: self._schemes[name] for name in self._chosen(operation)}
        kept = _one_authorization(list(schemes.values()))
        return tuple(kept), [self.notes[name] for name in schemes if name in self.notes and schemes[name] in kept]

    def _chosen(self, operation: Operation) -> Mapping[str, Any]:
        """{name: scopes}, empty if none is needed."""
        alternatives = operation.raw.get("security", self._document.root.get("security"))
        if not isinstance(alternatives, list) or not alternatives:
            return {}
        known = [
            each for each in alternatives[:MAX_ALTERNATIVES] if isinstance(each, dict) and len(each) <= MAX_SCHEMES
        ]
        for alternative in known:
            if alternative.keys() <= self._schemes.keys():
                return alternative
        names = sorted({name for each in known for name in each} - self._schemes.keys())
        reasons = "; ".join(self._refusals.get(name, f"{name} is not declared") for name in names)
        raise Unusable(f"No way to authorize it is supported: {reasons[:500]}.")

    def _read(self) -> dict[str, Scheme]:
        components = self._document.root.get("components")
        declared = components.get("securitySchemes") if isinstance(components, dict) else None
        schemes: dict[str, Scheme] = {}
        names = Names()
        for name, raw in declared.items() if isinstance(declared, dict) else ():
            try:
                schemes[name] = self._scheme(name, names.take(name), self._references.followed(raw))
            except Unusable as exc:
                self._refusals[name] = f"{name}: {exc.reason}"
            except ValidationError as exc:
                self._refusals[name] = f"{name}: {exc.errors()[0]['msg']}"
        return schemes

    def _scheme(self, name: str, identifier: str, raw: Any) -> Scheme:
        if not isinstance(raw, dict):
            raise Unusable("its declaration is no object")
        kind = str(raw.get("type")).lower()
        match kind:
            case "apikey":
                return ApiKey(id=identifier, location=raw.get("in"), name=raw.get("name"))
            case "http" | "basic" | "bearer":
                way = str(raw.get("scheme") if kind == "http" else kind).lower()
                if way in ("basic", "bearer"):
                    return Basic(id=identifier) if way == "basic" else Bearer(id=identifier)
                raise Unusable(f"HTTP authentication of the kind {way[:50]} is not supported")
            case "oauth2":
                return self._oauth2(name, identifier, raw)
            case _:
                raise Unusable(f"the type {kind[:50]} is not supported")

    def _oauth2(self, name: str, identifier: str, raw: dict[str, Any]) -> Scheme:
        flows = raw.get("flows")
        flows = flows if isinstance(flows, dict) else {}
        if isinstance(flow := flows.get("clientCredentials"), dict):
            return ClientCredentials(id=identifier, token_url=self._url(flow.get("tokenUrl")))
        if isinstance(flow := flows.get("authorizationCode"), dict):
            return AuthorizationCode(
                id=identifier,
                authorization_url=self._url(flow.get("authorizationUrl")),
                token_url=self._url(flow.get("tokenUrl")),
            )
        if "implicit" in flows or "password" in flows:
            self.notes[name] = f"{name} uses an OAuth 2 flow that is not supported: store a token as its bearer."
            return Bearer(id=identifier)
        raise Unusable("it has no OAuth 2 flow that is supported")

    def _url(self, given: object) -> str:
        url = urljoin(self._document.url or "", given) if isinstance(given, str) else ""
        if not url.startswith(("https://", "http://")):
            raise Unusable("its OAuth 2 URL is not absolute")
        return url

    def _add_scopes(self, operations: Iterable[Operation]) -> None:
        needed: dict[str, dict[str, None]] = {}
        for operation in operations:
            with suppress(Unusable):
                for name, scopes in self._chosen(operation).items():
                    needed.setdefault(name, {}).update(dict.fromkeys(_scopes(scopes)))
        for name, scopes in needed.items():
            scheme = self._schemes[name]
            if isinstance(scheme, ClientCredentials | AuthorizationCode):
                if len(scopes) > MAX_SCOPES:
                    self.notes[name] = f"{name} has more than {MAX_SCOPES} scopes: none is asked for."
                    scopes = {}
                self._schemes[name] = scheme.model_copy(update={"scopes": tuple(scopes)})


def _scopes(given: object) -> list[str]:
    scopes = given if isinstance(given, list) else []
    return [scope for scope in scopes if isinstance(scope, str) and 0 < len(scope) <= LONGEST_SCOPE]


def _one_authorization(schemes: list[Scheme]) -> list[Scheme]:
    for preferred in _PREFERENCE:
        found = next((scheme for scheme in schemes if isinstance(scheme, preferred)), None)
        if found is not None:
            return [each for each in schemes if each is found or not isinstance(each, _PREFERENCE)]
    return schemes
