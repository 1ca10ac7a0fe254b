"""Verification of access tokens, which every request pays for."""

import tempfile
import time
from pathlib import Path
from uuid import uuid4

from bench.report import Measurement, percentile
from core.tenancy import Role, TenantContext
from tenants import signing_keys
from tenants.tokens import AccessTokens

TOKENS = 2_000


def run(_: None, *, quick: bool) -> list[Measurement]:
    rounds = 1 if quick else 5
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        keys = signing_keys.load_or_create(Path(folder) / "keys.json")
    access = AccessTokens(keys, issuer="bench", audience="bench", lifetime_seconds=900)
    tokens = [access.issue(TenantContext(uuid4(), uuid4(), Role.MEMBER)) for _ in range(TOKENS)]
    _verify(access, tokens[:100])
    latencies = [_verify(access, tokens) for _ in range(rounds)]
    return [
        Measurement("token verification p50", percentile(latencies, 50), "ms", rounds),
        Measurement("token verification p99", percentile(latencies, 99), "ms", rounds, 0.3),
    ]


def _verify(access: AccessTokens, tokens: list[str]) -> list[float]:
    """Milliseconds for each."""
    taken = []
    for token in tokens:
        started = time.perf_counter()
        access.verify(token)
        taken.append((time.perf_counter() - started) * 1000)
    return taken
