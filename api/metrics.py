"""Prometheus figures of every request, by route and never by tenant: labels must stay few."""

import time

from prometheus_client import Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Counter("atrium_requests_total", "Requests answered", ["method", "route", "status"])
OPEN = Gauge("atrium_requests_open", "Requests being answered, streams included")
FIRST_BYTE = Histogram(
    "atrium_first_byte_seconds",
    "From a request's arrival to the first byte of its answer",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


class Metrics:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def observed_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                # A path that matches no route is not a label: anyone can invent them.
                route = getattr(scope.get("route"), "path", "unmatched")
                REQUESTS.labels(scope["method"], route, message["status"]).inc()
                FIRST_BYTE.labels(route).observe(time.perf_counter() - started)
            await send(message)

        with OPEN.track_inprogress():
            await self._app(scope, receive, observed_send)
