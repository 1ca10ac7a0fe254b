"""The URL of a webhook, looked at when it is named: it may lead where this tenant's other requests may."""

from api.dependencies import Rooms
from core.tenancy import TenantContext
from tools.egress.policy import check_url, policy_of


def check_webhook(rooms: Rooms, ctx: TenantContext, url: str | None) -> None:
    """Raises `UrlRefused`, a 422."""
    if url is not None:
        check_url(url, policy_of(rooms.settings), ctx.tenant_id)
