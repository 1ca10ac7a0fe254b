"""What a graph is called with: the run's own request, and what only the server may say."""

from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command, Send

from agents.runs.request import RunRequest
from agents.runs.runs import Run
from core.tenancy import TenantContext
from graphs.checkpoints.checkpointer import TenantSaver

# Enough for every question to the built-in agent, whose tools take three steps each time.
RECURSION_LIMIT = 100


def config_of(ctx: TenantContext, run: Run, callbacks: list[BaseCallbackHandler]) -> RunnableConfig:
    """The server's keys come last: nothing that a client sent replaces them."""
    asked = run.request.config
    named = {
        "run_id": str(run.run_id),
        "thread_id": str(run.thread_id),
        "assistant_id": str(run.assistant_id),
        "graph_id": run.graph_id,
        "user_id": str(ctx.user_id),
    }
    return RunnableConfig(
        tags=asked.get("tags", []),
        recursion_limit=asked.get("recursion_limit", RECURSION_LIMIT),
        configurable={
            **asked.get("configurable", {}),
            **(run.request.checkpoint or {}),
            **named,
            "langgraph_auth_user_id": str(ctx.user_id),
            "langgraph_auth_user": {
                "identity": str(ctx.user_id),
                "tenant_id": str(ctx.tenant_id),
                "permissions": [str(ctx.role)],
            },
        },
        metadata={**asked.get("metadata", {}), **run.metadata, **named, "tenant_id": str(ctx.tenant_id)},
        callbacks=callbacks,
        run_id=run.run_id,
    )


def newest(config: RunnableConfig) -> RunnableConfig:
    """Without the checkpoint that the run forked from."""
    configurable = {key: value for key, value in config["configurable"].items() if not key.startswith("checkpoint_")}
    return {**config, "configurable": configurable}


async def continues(saver: TenantSaver, config: RunnableConfig, run: Run) -> bool:
    """Whether the thread's newest checkpoint is of this run, which an executor that died had begun."""
    found = await saver.aget_tuple(newest(config))
    return found is not None and found.metadata.get("run_id") == str(run.run_id)


def input_of(request: RunRequest) -> Any:
    """The graph's input, or the command to it."""
    if request.command is None:
        return request.input
    asked = request.command
    update = asked.get("update")
    # Not `Command[Any](…)`: a frozen dataclass with slots cannot take the mark that a subscript leaves.
    command: Command[Any] = Command(update=_pairs(update), resume=asked.get("resume"), goto=_goto(asked.get("goto")))
    return command


def _pairs(update: Any) -> Any:
    """Pairs of a channel and its value are lists in JSON."""
    is_pairs = isinstance(update, list) and all(
        isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) for pair in update
    )
    return [tuple(pair) for pair in update] if is_pairs else update


def _goto(goto: Any) -> Any:
    match goto:
        case None:
            return ()
        case {"node": str(node), **rest}:
            return Send(node, rest.get("input"))
        case list():
            return [_goto(each) for each in goto]
        case _:
            return goto
