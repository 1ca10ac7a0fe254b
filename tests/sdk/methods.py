"""The public methods of the SDK's clients, as they are installed."""

import inspect
from typing import Final

from langgraph_sdk.client import (
    AssistantsClient,
    CronClient,
    RunsClient,
    StoreClient,
    SyncAssistantsClient,
    SyncCronClient,
    SyncRunsClient,
    SyncStoreClient,
    SyncThreadsClient,
    ThreadsClient,
)

CLIENTS: Final = {
    "assistants": (AssistantsClient, SyncAssistantsClient),
    "threads": (ThreadsClient, SyncThreadsClient),
    "runs": (RunsClient, SyncRunsClient),
    "crons": (CronClient, SyncCronClient),
    "store": (StoreClient, SyncStoreClient),
}


def public_methods() -> set[str]:
    """`threads.get` and the like, of both clients."""
    return {
        f"{name}.{method}"
        for name, kinds in CLIENTS.items()
        for kind in kinds
        for method, _ in inspect.getmembers(kind, callable)
        if not method.startswith("_")
    }
