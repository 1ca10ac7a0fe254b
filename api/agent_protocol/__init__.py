"""The LangGraph Agent Server protocol: what langgraph-sdk, useStream, Studio and RemoteGraph speak."""

from api.agent_protocol import (
    assistants,
    commands,
    crons,
    event_socket,
    event_stream,
    info,
    runs,
    state,
    stateless_runs,
    store,
    threads,
)

ROUTERS = (
    info.router,
    assistants.router,
    threads.router,
    state.router,
    runs.router,
    stateless_runs.router,
    commands.router,
    event_stream.router,
    event_socket.router,
    crons.router,
    store.router,
)
