"""One request and its answer, on a connection of its own."""

import asyncio
import ssl
from collections.abc import Sequence

import httpcore2
import httpx2

from tools.egress.body import Body, decompressor_of
from tools.egress.limits import Limits, check_headers, translated
from tools.egress.wire import Wire


async def exchange(
    request: httpx2.Request, host: str, addresses: Sequence[str], tls: ssl.SSLContext, limits: Limits
) -> httpx2.Response:
    """With `host`, which TLS must prove, at one of `addresses`. Raises `PeerFailed`."""
    wire = Wire(host, addresses)
    try:
        with translated(host, limits.seconds):
            async with asyncio.timeout_at(limits.deadline):
                answer = await _answer(request, wire, tls)
        headers = httpx2.Headers(answer.headers)
        check_headers(host, headers)
        decompressor = decompressor_of(host, headers)
    except BaseException:
        await wire.aclose()
        raise
    wire.expect(limits.max_bytes)
    return httpx2.Response(
        answer.status,
        headers=headers,
        stream=Body(host, answer.aiter_stream(), wire, limits, decompressor),
        extensions={name: answer.extensions[name] for name in ("http_version", "reason_phrase")},
    )


async def _answer(request: httpx2.Request, wire: Wire, tls: ssl.SSLContext) -> httpcore2.Response:
    url = httpcore2.URL(
        scheme=request.url.raw_scheme,
        host=request.url.raw_host,
        port=request.url.port,
        target=request.url.raw_path,
    )
    # Another host's name here could lead past what has been checked, at a proxy that stands before it.
    request.headers["Host"] = request.url.netloc.decode("ascii")
    connection = httpcore2.AsyncHTTPConnection(url.origin, tls, network_backend=wire)
    return await connection.handle_async_request(
        httpcore2.Request(
            request.method,
            url,
            headers=request.headers.raw,
            content=request.stream,
            extensions={"timeout": request.extensions.get("timeout", {})},
        )
    )
