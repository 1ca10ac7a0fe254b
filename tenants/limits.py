"""How often a tenant may ask or call a tool, and anyone may try a password: one round trip to Valkey each.

Fails open, by decision: without Valkey every request passes and `atrium_limits_skipped_total` counts it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

from prometheus_client import Counter

from core.cache import Cache, tenant_key
from core.crypto import token_digest
from core.errors import TooManyRequests, Unavailable
from core.tenancy import TenantContext

LIMITS_SKIPPED = Counter(
    "atrium_limits_skipped_total", "Requests that passed uncounted because Valkey did not answer", ["limit"]
)

# Behind one network address sits a whole office.
_PEOPLE_PER_ADDRESS = 10

# The generic cell rate algorithm (ITU-T I.371): a key holds the microsecond at which its minute's worth of
# requests is whole again. ARGV[i] is the number per minute for KEYS[i]. Returns seconds to wait, 0 to pass.
_SPEND = """
local minute = 60000000
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local whole_at, wait = {}, 0
for i, key in ipairs(KEYS) do
  local stored = tonumber(redis.call('GET', key) or now)
  whole_at[i] = math.max(now, stored) + math.floor(minute / ARGV[i])
  wait = math.max(wait, whole_at[i] - now - minute)
end
if wait == 0 then
  for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.0f', whole_at[i]), 'PX', math.ceil((whole_at[i] - now) / 1000))
  end
end
return math.ceil(wait / 1000000)
"""

# Places are leased: whoever dies in one leaves it when its time is over. KEYS[1] is a sorted set of who is inside
# by the microsecond at which they leave. Returns 1 for a place, 0 when all are taken.
_ENTER = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3] * 1000), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
_LEAVE = "return redis.call('ZREM', KEYS[1], ARGV[1])"


async def spend_request(cache: Cache, ctx: TenantContext, *, per_minute: int) -> None:
    """Raises `TooManyRequests`. A minute's worth may come at once; then they pass at the even rate."""
    await _spend(cache, "requests", {tenant_key(ctx, "requests"): per_minute})


async def spend_login(cache: Cache, *, email: str, address: str, per_minute: int) -> None:
    """Counts an attempt for the e-mail address and, ten times as generously, for the network address."""
    by_email = _login_key("email", email.strip().lower())
    by_address = _login_key("address", address)
    await _spend(cache, "logins", {by_email: per_minute, by_address: per_minute * _PEOPLE_PER_ADDRESS})


async def spend_tool_call(cache: Cache, ctx: TenantContext, name: str, *, per_minute: int) -> None:
    """Raises `TooManyRequests`."""
    await _spend(cache, "tool calls", {tenant_key(ctx, "tool", name, "calls"): per_minute})


@asynccontextmanager
async def tool_place(
    cache: Cache, ctx: TenantContext, name: str, *, places: int, seconds: float
) -> AsyncIterator[None]:
    """One of the tool's places until the block ends, or `seconds` are over. Raises `TooManyRequests`."""
    key, guest = tenant_key(ctx, "tool", name, "places"), uuid4().hex
    try:
        entered = await cache.run_script(_ENTER, [key], [guest, places, int((seconds + 1) * 1000)])
    except Unavailable:
        LIMITS_SKIPPED.labels("tool places").inc()
        entered = True
    if not entered:
        raise TooManyRequests(
            f"{name} is being called {places} times already; try again later.", retry_after_seconds=1
        )
    try:
        yield
    finally:
        with suppress(Unavailable):
            await cache.run_script(_LEAVE, [key], [guest])


def _login_key(kind: str, value: str) -> str:
    """No tenant is known yet; and Valkey learns no one's address."""
    return f"atrium:{{login}}:{kind}:{token_digest(value).hex()}"


async def _spend(cache: Cache, limit: str, per_minute: dict[str, int]) -> None:
    try:
        wait = await cache.run_script(_SPEND, list(per_minute), list(per_minute.values()))
    except Unavailable:
        LIMITS_SKIPPED.labels(limit).inc()
        return
    if wait:
        raise TooManyRequests(f"Too many {limit}; try again in {wait} s.", retry_after_seconds=int(wait))
