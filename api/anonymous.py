"""Local development without a login: who sends no credentials acts as the owner of `ATRIUM_ANONYMOUS_TENANT`."""

import re
from time import monotonic

from starlette.datastructures import Headers

from core.db import Database
from core.errors import Unauthenticated
from core.settings import Settings
from core.tenancy import TenantContext
from tenants import accounts

REMEMBERED_SECONDS = 5.0

_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)


def has_credentials(headers: Headers) -> bool:
    """Whether they prove something or not."""
    return "authorization" in headers or "x-api-key" in headers


class AnonymousTenant:
    """`slug` names it; `page_origins` matches the whole `Origin` of the web pages that may call."""

    def __init__(self, database: Database, slug: str, page_origins: str) -> None:
        self._database = database
        self._slug = slug
        self._page_origins = re.compile(page_origins)
        self._owner: TenantContext | None = None
        self._ask_again = 0.0

    @classmethod
    def of(cls, settings: Settings, database: Database) -> "AnonymousTenant | None":
        slug = settings.anonymous_tenant
        return None if slug is None else cls(database, slug, settings.cors_origin_regex)

    async def owner(self, headers: Headers) -> TenantContext:
        """Raises `Unauthenticated` for a caller from elsewhere, and when there is no such tenant."""
        self._refuse_elsewhere(headers)
        if self._owner is None or monotonic() >= self._ask_again:
            found = await accounts.owner_of(self._database, self._slug)
            if found is None:
                raise Unauthenticated(
                    "ATRIUM_ANONYMOUS_TENANT names no tenant with an owner; set it to the slug of one, or log in.",
                    code="anonymous_tenant_unknown",
                )
            self._owner, self._ask_again = found.ctx, monotonic() + REMEMBERED_SECONDS
        return self._owner

    def _refuse_elsewhere(self, headers: Headers) -> None:
        # A name that is made to mean this machine (DNS rebinding) still stands in `Host`.
        if not _LOOPBACK.fullmatch(headers.get("host", "")):
            raise _elsewhere("Without a login Atrium is reached as localhost only.")
        # CORS alone hides our answers from other pages; their simple requests would still be obeyed.
        origin = headers.get("origin")
        if origin is not None and not self._page_origins.fullmatch(origin):
            raise _elsewhere("Without a login this page may not call; name it in ATRIUM_CORS_ORIGINS.")


def _elsewhere(detail: str) -> Unauthenticated:
    return Unauthenticated(detail, code="anonymous_refused")
