"""What of the Agent Server protocol we leave out, and why; a test compares the rest with our `/openapi.json`."""

from collections.abc import Mapping

_TRACING = "It names a project of a hosted tracing service."

# `METHOD /path` leaves out a whole operation; `METHOD /path query name`, `… request.field` or `… response.field`
# one part of it, with all that is nested in it.
ALLOW_LIST: Mapping[str, str] = {
    "POST /a2a/{assistant_id}": "Agents calling agents comes with a later issue.",
    "GET /mcp/": "Serving tools over MCP comes with a later issue.",
    "POST /mcp/": "Serving tools over MCP comes with a later issue.",
    "DELETE /mcp/": "Serving tools over MCP comes with a later issue.",
    "GET /metrics query format": "Ours are in Prometheus's format only.",
    "POST /assistants/{assistant_id}/latest query version": "Clients send it in the body, and there it is read.",
    "GET /threads/{thread_id}/runs response[].langsmith_session_name": _TRACING,
    "GET /threads/{thread_id}/runs/{run_id} response.langsmith_session_name": _TRACING,
    "POST /threads/{thread_id}/runs response.langsmith_session_name": _TRACING,
    "GET /docs": "It is served; FastAPI leaves its own pages out of the document.",
}
