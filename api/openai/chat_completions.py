"""`POST /v1/chat/completions`: a run, asked for and answered in OpenAI's words."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sse_starlette import EventSourceResponse

from agents import starting, untrusted
from agents.assistants import assistants
from agents.assistants.assistants import Assistant
from agents.runs.request import RunRequest
from agents.runs.runs import Run
from api.dependencies import Allow, Rooms, Services
from api.leaving import cancelling
from api.openai import completion
from api.openai.bodies import ChatCompletionRequest
from api.openai.completion import ChatCompletion
from api.openai.errors import ModelNotFound, OpenAiRoute
from api.openai.messages import as_input
from api.openai.models import model_id
from api.sse import EVENT_STREAM, event_stream
from core.errors import NotFound
from core.tenancy import TenantContext
from tenants.permissions import Permission

router = APIRouter(prefix="/v1/chat", tags=["OpenAI"], route_class=OpenAiRoute)

Asker = Annotated[TenantContext, Depends(Allow(Permission.CHAT))]


@router.post(
    "/completions",
    response_model=ChatCompletion,
    responses={200: EVENT_STREAM},
    summary="Create a chat completion",
)
async def create(
    rooms: Rooms, ctx: Asker, request: Request, body: ChatCompletionRequest
) -> ChatCompletion | EventSourceResponse:
    """`model` is an assistant: the id of a graph, or of an assistant of yours.

    With `metadata.thread_id` or `user` the thread is kept, and what comes after the last `assistant` message is new
    on it; otherwise the messages are all there is, nothing is kept, and who leaves a stream ends it. The built-in
    agent answers from the tenant's documents: citations are `annotations`, whose URLs are paths here. It passes
    `tools`, `tool_choice`, `parallel_tool_calls`, `temperature`, `top_p`, penalties, `seed`, `stop` and `max_tokens`
    on to its model, which may ignore them, as the offline one does; other graphs find them in their configuration.
    Any other parameter of OpenAI's is ignored, unless the answer would have to look otherwise: that is refused.
    """
    body.refuse_unsupported()
    run, model = await _start(rooms, ctx, body)
    if body.stream:
        chunks = completion.chunks(rooms.engine, ctx, run, model, with_usage=body.with_usage)
        # Where nothing is kept, nobody could read the rest of it.
        is_kept = run.request.on_completion is None
        return event_stream(request, chunks if is_kept else cancelling(rooms.engine, ctx, run, chunks))
    return await completion.whole(rooms.engine, ctx, run, model)


async def _start(rooms: Services, ctx: TenantContext, body: ChatCompletionRequest) -> tuple[Run, str]:
    """The run and the id of its model."""
    thread_id = body.thread_id(ctx)
    assistant = await _assistant(rooms, ctx, body.model)
    accepted = await starting.start(
        rooms.engine,
        ctx,
        str(assistant.assistant_id),
        _request(rooms, assistant, body, keeps_thread=thread_id is not None),
        thread_id=thread_id,
        if_not_exists="create",
        metadata=untrusted.clean_metadata(body.labels),
        place_required=True,
    )
    return accepted.run, model_id(assistant)


async def _assistant(rooms: Services, ctx: TenantContext, named: str) -> Assistant:
    async with rooms.database.tenant_transaction(ctx) as connection:
        try:
            return await assistants.resolve(connection, ctx, rooms.engine.catalog, named)
        except NotFound as exc:
            raise ModelNotFound from exc


def _request(rooms: Services, assistant: Assistant, body: ChatCompletionRequest, *, keeps_thread: bool) -> RunRequest:
    messages = as_input(body.messages, longest=rooms.settings.message_max_characters, since_answer=keeps_thread)
    options = body.sent
    untrusted.storable(messages, "messages")
    untrusted.storable(options, "tools")
    is_agent = assistant.graph_id == rooms.engine.catalog.agent_id
    return RunRequest(
        input={"messages": messages},
        context=options if is_agent else {},
        config={"configurable": options} if options and not is_agent else {},
        stream_mode=("messages-tuple", "values") if body.stream else ("values",),
        on_completion=None if keeps_thread else "delete",
    )
