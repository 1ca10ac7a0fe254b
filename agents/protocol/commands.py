"""The commands of the thread-centric generation: start a run, answer an interrupt, look at what runs."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from agents import starting, untrusted
from agents.engine import Engine
from agents.events import batches as event_batches
from agents.protocol import tree as agent_tree
from agents.protocol.pending import Standing, settled
from agents.runs.request import RunRequest
from agents.runs.runs import MultitaskStrategy
from agents.starting import Accepted
from core.db import Connection
from core.errors import ClientError, NotFound
from core.tenancy import TenantContext
from graphs.checkpoints import rows

Params = dict[str, Any]

MAX_ANSWERS = 1_000


class Refused(ClientError):
    """`code` is one of the protocol's."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail, code=code)


@dataclass(frozen=True, slots=True)
class Done:
    """`applied_through_seq`: the newest event of the thread, before any that follow from the command."""

    result: dict[str, Any]
    applied_through_seq: int


async def execute(engine: Engine, ctx: TenantContext, thread_id: UUID, method: str, params: Params) -> Done:
    """Raises `Refused`, and `ClientError` as the doors of runs do."""
    match method:
        case "run.start":
            return await _start(engine, ctx, thread_id, _checked(_RunStart, params))
        case "input.respond":
            return await _respond(engine, ctx, thread_id, _answers(params), _checked(_Respond, params))
        case "agent.getTree":
            return await _tree(engine, ctx, thread_id, _checked(_GetTree, params))
        case "subscription.unsubscribe":
            raise Refused("no_such_subscription", "There are subscriptions on a WebSocket only.")
        case "subscription.subscribe" | "subscription.reconnect":
            raise Refused("not_supported", "Subscribe on a WebSocket; over HTTP open a stream of events.")
    raise Refused("unknown_command", f"There is no command {method!r}.")


class _Options(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    config: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class _Respond(_Options):
    update: Any = None
    goto: Any = None


class _RunStart(_Options):
    assistant_id: Annotated[str, Field(min_length=1, max_length=200)]
    input: Any = None
    multitask_strategy: MultitaskStrategy | None = Field(
        None, validation_alias=AliasChoices("multitaskStrategy", "multitask_strategy")
    )

    @property
    def checkpoint_id(self) -> Any:
        """Where to fork from."""
        configurable = (self.config or {}).get("configurable")
        return configurable.get("checkpoint_id") if isinstance(configurable, dict) else None


class _Answer(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    interrupt_id: str
    response: Any = None
    namespace: list[str] = []


class _Answers(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    responses: Annotated[list[_Answer], Field(min_length=1, max_length=MAX_ANSWERS)]


class _GetTree(BaseModel):
    run_id: UUID | None = None


_Params = TypeVar("_Params", bound=BaseModel)


def _checked(model: type[_Params], params: Params) -> _Params:
    try:
        return model.model_validate(params)
    except ValidationError as exc:
        wrong = exc.errors(include_input=False)[0]
        place = ".".join(str(part) for part in wrong["loc"])
        raise Refused("invalid_argument", f"`{place}` is not right: {wrong['msg']}.") from exc


def _answers(params: Params) -> list[_Answer]:
    if "responses" in params:
        return _checked(_Answers, params).responses
    return [_checked(_Answer, params)]


async def _start(engine: Engine, ctx: TenantContext, thread_id: UUID, asked: _RunStart) -> Done:
    """With an interrupt pending, `input` answers it, unless the run forks from a checkpoint."""
    untrusted.storable(asked.input, "input")
    with ExitStack() as held:
        async with settled(engine, ctx, thread_id) as (connection, standing):
            executor = held.enter_context(engine.executor.place())
            checkpoint = None
            if asked.checkpoint_id is not None:
                checkpoint = {"checkpoint_id": await _fork(connection, ctx, thread_id, standing, asked.checkpoint_id)}
            resumes = asked.input is not None and checkpoint is None and standing is not None and standing.interrupts
            accepted = await _put(
                engine,
                connection,
                ctx,
                thread_id,
                asked.assistant_id,
                asked,
                executor,
                multitask_strategy=asked.multitask_strategy or "enqueue",
                input=None if resumes else asked.input,
                command={"resume": asked.input} if resumes else None,
                checkpoint=checkpoint,
            )
        await starting.go(engine, ctx, accepted)
    return Done({"run_id": str(accepted.run.run_id)}, accepted.run.events_after)


async def _respond(
    engine: Engine, ctx: TenantContext, thread_id: UUID, answers: list[_Answer], options: _Respond
) -> Done:
    command = {"resume": {answer.interrupt_id: answer.response for answer in answers}}
    command |= {name: value for name in ("update", "goto") if (value := getattr(options, name)) is not None}
    untrusted.storable(command, "response")
    with ExitStack() as held:
        async with settled(engine, ctx, thread_id) as (connection, standing):
            executor = held.enter_context(engine.executor.place())
            assistant_id = _require_pending(standing, answers)
            accepted = await _put(
                engine, connection, ctx, thread_id, assistant_id, options, executor, command=command
            )
        await starting.go(engine, ctx, accepted)
    return Done({}, accepted.run.events_after)


def _require_pending(standing: Standing | None, answers: list[_Answer]) -> str:
    """Returns the assistant that asked."""
    if standing is None or standing.assistant_id is None:
        raise Refused("no_such_run", "No run has asked for anything on this thread.")
    for answer in answers:
        task_id = standing.interrupts.get(answer.interrupt_id)
        if task_id is None:
            raise Refused("no_such_interrupt", "Nothing waits for this answer any more, or ever did.")
        # A subgraph's namespace begins with the task that runs it; the root's may be left out.
        if answer.namespace and not answer.namespace[0].endswith(f":{task_id}"):
            raise Refused("no_such_interrupt", "What waits for this answer is in another namespace.")
    return standing.assistant_id


async def _put(
    engine: Engine,
    connection: Connection,
    ctx: TenantContext,
    thread_id: UUID,
    assistant_id: str,
    options: _Options,
    executor: UUID | None,
    *,
    multitask_strategy: MultitaskStrategy = "enqueue",
    **asked: Any,
) -> Accepted:
    request = RunRequest(
        config=untrusted.clean_config(options.config),
        context=untrusted.clean_context(options.context),
        stream_mode=("protocol",),
        stream_subgraphs=True,
        **asked,
    )
    return await starting.put(
        engine,
        connection,
        ctx,
        assistant_id,
        request,
        thread_id=thread_id,
        if_not_exists="create",
        by_role=True,
        metadata=untrusted.clean_metadata(options.metadata),
        multitask_strategy=multitask_strategy,
        executor=executor,
    )


async def _fork(
    connection: Connection, ctx: TenantContext, thread_id: UUID, standing: Standing | None, named: Any
) -> str:
    """Checks that the thread, which the caller reaches, has this checkpoint."""
    try:
        checkpoint_id = str(UUID(named))
    except (ValueError, TypeError, AttributeError) as exc:
        raise Refused("invalid_argument", "`config.configurable.checkpoint_id` must be a UUID.") from exc
    if standing is None or not await rows.exists(connection, ctx, str(thread_id), "", checkpoint_id):
        raise Refused("no_such_checkpoint", "The thread has no such checkpoint; its history lists them.")
    return checkpoint_id


async def _tree(engine: Engine, ctx: TenantContext, thread_id: UUID, asked: _GetTree) -> Done:
    try:
        async with engine.database.tenant_transaction(ctx) as connection:
            head = await event_batches.head(connection, ctx, thread_id)
            return Done({"tree": await agent_tree.of_run(connection, ctx, thread_id, asked.run_id)}, head)
    except NotFound as exc:
        raise Refused("no_such_run", "There is no such run on this thread.") from exc
