"""The graphs of a langgraph.json: what is served, how it is called, and what is said of one that cannot be."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore

from core.errors import Invalid, NotFound, OperatorError
from core.tenancy import Role, TenantContext
from graphs.catalog import loading
from graphs.catalog.catalog import AGENT, Catalog, default_assistant_id
from graphs.chat import chat_graph
from graphs.client_context import narrowed
from graphs.context import Context
from retrieval.retriever import Retriever
from tools.calls import Caller
from tools.toolbox import Toolbox

ECHO = """
from langgraph.graph import StateGraph
from typing_extensions import TypedDict

class State(TypedDict, total=False):
    text: str
    seen: str

def echoing(seen="nothing"):
    graph = StateGraph(State)
    graph.add_node("echo", lambda state: {"text": state["text"] + "!", "seen": str(seen)})
    graph.set_entry_point("echo")
    graph.set_finish_point("echo")
    return graph
"""


class Project:
    """A folder with a langgraph.json and the module it names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "echo.py").write_text(ECHO)

    def load(self, module: str, *, graphs: Any = None, **config: Any) -> Catalog:
        """`module` follows `echo.py` in a file of its own, whose `graph` is served unless `graphs` says otherwise."""
        (self.folder / f"{self.folder.name}.py").write_text(ECHO + dedent(module))
        named = graphs if graphs is not None else {"mine": f"./{self.folder.name}.py:graph"}
        file = self.folder / "langgraph.json"
        file.write_text(json.dumps({"dependencies": ["."], "graphs": named, **config}))
        return catalog(file)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    # Modules are remembered by name: each test has one of its own.
    folder = tmp_path / f"project_{uuid4().hex}"
    folder.mkdir()
    yield Project(folder)
    for name in set(sys.modules) - before:
        del sys.modules[name]


def catalog(file: Path | None = None) -> Catalog:
    agent = chat_graph(cast(Retriever, None), FakeListChatModel(responses=[""]), cast(Toolbox, None))
    return Catalog(agent, loading.load(file) if file else None)


async def run(catalog: Catalog, graph_id: str, *, access: Any = "threads.create_run", **options: Any) -> Any:
    config = options.pop("config", RunnableConfig(configurable={"thread_id": "1"}))
    saver = InMemorySaver()
    async with catalog.open(
        graph_id, config=config, access=access, store=InMemoryStore(), checkpointer=saver, **options
    ) as graph:
        assert graph.checkpointer is saver
        return await graph.ainvoke({"text": "hi"}, config)


def test_default_assistants_have_the_ids_that_langgraphs_servers_give_them() -> None:
    assert default_assistant_id("agent") == UUID("fe096781-5601-53d2-b2f6-0d3403f7e9ca")


def test_without_a_langgraph_json_there_is_the_built_in_agent() -> None:
    assert catalog().graph_ids == (AGENT,)
    with pytest.raises(NotFound, match="graph"):
        catalog().require("mine")


@pytest.mark.parametrize(
    ("module", "seen"),
    [
        ("graph = echoing()", "nothing"),
        ("graph = echoing().compile()", "nothing"),
        ("def graph(): return echoing('sync')", "sync"),
        ("async def graph(): return echoing('async').compile()", "async"),
        ("def graph(config): return echoing(config['configurable']['thread_id'])", "1"),
        (
            """
            from langgraph_sdk.runtime import ServerRuntime
            def graph(runtime: ServerRuntime[dict]): return echoing(runtime.access_context)
            """,
            "threads.create_run",
        ),
        (
            """
            from typing import Annotated
            from langgraph_sdk.runtime import ServerRuntime as Runtime
            async def graph(runtime: Annotated[Runtime, "ours"], config): return echoing(runtime.store is not None)
            """,
            "True",
        ),
        (
            "def graph(config, runtime: 'ServerRuntime'): return echoing(runtime.execution_runtime is not None)",
            "True",
        ),
        (
            """
            from contextlib import asynccontextmanager
            @asynccontextmanager
            async def graph(): yield echoing('opened')
            """,
            "opened",
        ),
        ("def graph(config): yield echoing('generated')", "generated"),
        ("async def graph(config=None, extra=1): yield echoing(extra)", "1"),
    ],
)
async def test_graphs_and_factories_of_every_kind_run(project: Project, module: str, seen: str) -> None:
    assert await run(project.load(module), "mine") == {"text": "hi!", "seen": seen}


async def test_what_a_factory_opened_is_closed_after_the_run(project: Project) -> None:
    served = project.load(
        """
        closed = []
        async def graph():
            try:
                yield echoing()
            finally:
                closed.append(True)
        """
    )
    await run(served, "mine")
    assert sys.modules[f"langgraph_json__{project.folder.name}"].closed == [True]


async def test_a_factory_learns_why_and_for_whom_it_is_called(project: Project) -> None:
    served = project.load(
        """
        from langgraph_sdk.runtime import ServerRuntime
        def graph(runtime: ServerRuntime):
            running = runtime.execution_runtime
            who = runtime.ensure_user()
            return echoing([runtime.access_context, who.identity, who["tenant_id"], running and running.context])
        """
    )
    config = RunnableConfig(
        configurable={"thread_id": "1", "langgraph_auth_user": {"identity": "ann", "tenant_id": "acme"}}
    )
    ran = await run(served, "mine", config=config, context={"tone": "dry"})
    assert ran["seen"] == "['threads.create_run', 'ann', 'acme', {'tone': 'dry'}]"
    looked = await run(served, "mine", config=config, context={"tone": "dry"}, access="assistants.read")
    assert looked["seen"] == "['assistants.read', 'ann', 'acme', None]"


async def test_graphs_are_named_by_file_by_module_and_with_a_description(project: Project) -> None:
    (project.folder / "nested").mkdir()
    (project.folder / "nested" / "inner_module.py").write_text("from echo import echoing\ngraph = echoing()")
    served = project.load(
        "graph = echoing().compile(name='Parrot')",
        graphs={
            "by_file": f"./{project.folder.name}.py:graph",
            "by_module": {"path": "inner_module:graph", "description": "Says it again."},
        },
        dependencies=["./nested", "some-installed-package"],
    )
    assert served.graph_ids == (AGENT, "by_file", "by_module")
    assert [served.name_of(graph_id) for graph_id in served.graph_ids[1:]] == ["Parrot", "by_module"]
    assert served.description_of("by_module") == "Says it again."
    assert (await run(served, "by_module"))["text"] == "hi!"


async def test_a_graph_called_agent_takes_the_place_of_the_built_in_one(project: Project) -> None:
    served = project.load("graph = echoing()", graphs={AGENT: f"./{project.folder.name}.py:graph"})
    assert (served.agent_id, served.graph_ids) == ("atrium", ("atrium", AGENT))
    assert (await run(served, AGENT))["text"] == "hi!"
    with pytest.raises(OperatorError, match="both agent and atrium"):
        project.load("", graphs=dict.fromkeys((AGENT, "atrium"), f"./{project.folder.name}.py:echoing"))


def test_env_adds_to_the_environment_and_changes_nothing_in_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHO_MODEL", "ours")
    for name in ("ECHO_KEY", "ATRIUM_HOST"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    (project.folder / ".env").write_text("ECHO_MODEL=theirs\nECHO_KEY=theirs\nATRIUM_HOST=0.0.0.0\n")
    project.load("graph = echoing()", env=".env")
    assert (os.environ["ECHO_MODEL"], os.environ["ECHO_KEY"]) == ("ours", "theirs")
    assert "ATRIUM_HOST" not in os.environ


@pytest.mark.parametrize(
    ("module", "config", "reason"),
    [
        ("", {}, "mine .*has no attribute 'graph'"),
        ("graph = 7", {}, "mine .*int"),
        ("1 / 0", {}, "mine .*ZeroDivisionError"),
        ("import not_installed", {}, "mine .*not_installed"),
        ("from tools.mine import graph", {}, "mine .*Atrium's own"),
        ("def graph(one, two): ...", {}, "mine .*one, two"),
        ("", {"graphs": {"mine": "./graph.ts:graph"}}, "mine .*JavaScript"),
        ("", {"graphs": {"mine": "./missing.py:graph"}}, "mine .*missing.py"),
        ("", {"graphs": {"mine": "./echo.py"}}, "mine .*attribute"),
        ("", {"graphs": {"mine": {"path": None}}}, "mine .*attribute"),
        ("", {"graphs": []}, "names no graphs"),
        ("", {"dependencies": ["./missing"]}, "missing"),
        ("", {"env": "missing.env"}, "missing.env"),
    ],
)
def test_what_cannot_be_served_is_named_with_its_reason(
    project: Project, module: str, config: dict[str, Any], reason: str
) -> None:
    with pytest.raises(OperatorError, match=reason):
        project.load(module, **config)


def test_a_langgraph_json_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="nowhere"):
        loading.load(tmp_path / "nowhere.json")
    (tmp_path / "bad.json").write_text("[")
    with pytest.raises(OperatorError, match="bad"):
        loading.load(tmp_path / "bad.json")


async def test_a_factory_that_makes_no_graph_says_so(project: Project) -> None:
    with pytest.raises(OperatorError, match="not str"):
        await run(project.load("def graph(): return 'no graph'"), "mine")


def test_a_client_chooses_knowledge_bases_and_never_the_tenant() -> None:
    ctx, chosen = TenantContext(uuid4(), uuid4(), Role.MEMBER), uuid4()
    caller = Caller(ctx, uuid4(), uuid4(), uuid4())
    sent = {"tenant": {"tenant_id": str(uuid4())}, "knowledge_base_ids": [str(chosen)], "tool_names": ["add@2"]}
    assert catalog().context_for(AGENT, caller, {}) == Context(caller)
    context = catalog().context_for(AGENT, caller, sent)
    assert (context.tenant, context.knowledge_base_ids, context.tools) == (ctx, (chosen,), {"add": 2})
    with pytest.raises(Invalid, match="knowledge_base_ids"):
        catalog().context_for(AGENT, caller, {"knowledge_base_ids": ["all"]})


def test_a_run_shortens_its_assistants_list_of_tools_and_never_adds_to_it() -> None:
    assistant = {"tool_names": ["add@2", "look_up"], "temperature": 0}
    assert narrowed(assistant, {"tool_names": ["add", "delete_all"]})["tool_names"] == ["add@2"]
    assert narrowed(assistant, {"tool_names": None}) == assistant
    assert narrowed({}, {"tool_names": ["add"]}) == {"tool_names": ["add"]}
