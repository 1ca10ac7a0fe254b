"""Graphs of your own: what a langgraph.json names, imported. It runs code and reads files: not for an event loop."""

import importlib
import importlib.util
import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from dotenv import dotenv_values
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel

from core.errors import OperatorError
from graphs.catalog.factories import AnyGraph, Factory, compiled, factory

log = logging.getLogger(__name__)

JAVASCRIPT = (".js", ".cjs", ".mjs", ".jsx", ".ts", ".cts", ".mts", ".tsx")
# Left out are those that only say how to build an image.
UNUSED = ("auth", "checkpointer", "encryption", "http", "store", "webhooks")
OURS = ("agents", "api", "core", "graphs", "ingest", "migrations", "retrieval", "tenants", "tools")


@dataclass(frozen=True, slots=True)
class OwnGraph:
    graph: AnyGraph | Factory
    description: str | None = None


def load(file: Path) -> dict[str, OwnGraph]:
    """By graph id. Raises `OperatorError`, which names the graph and what is wrong with it."""
    config = _read(file)
    if unused := [name for name in UNUSED if name in config]:
        log.warning("Atrium does not use these parts of %s: %s", file.name, ", ".join(unused))
    folder = file.resolve().parent
    _set_environment(config.get("env") or {}, folder)
    _extend_path(config.get("dependencies") or [], folder)
    graphs = config.get("graphs")
    if not isinstance(graphs, dict) or not graphs:
        raise OperatorError(f"{file} names no graphs; add some under `graphs`, or unset ATRIUM_GRAPHS.")
    return {graph_id: _own_graph(graph_id, named, folder) for graph_id, named in graphs.items()}


def _read(file: Path) -> dict[str, Any]:
    try:
        config = json.loads(file.read_text())
    except (OSError, ValueError) as exc:
        raise OperatorError(f"ATRIUM_GRAPHS: {file} cannot be read as JSON ({exc}).") from exc
    if not isinstance(config, dict):
        raise OperatorError(f"ATRIUM_GRAPHS: {file} is not an object.")
    return config


def _set_environment(env: Any, folder: Path) -> None:
    """What the process was started with wins; our own settings never come from here."""
    if isinstance(env, str) and not (folder / env).is_file():
        raise OperatorError(f"ATRIUM_GRAPHS: there is no file {env}, which `env` names.")
    values: Mapping[str, Any] = dotenv_values(folder / env) if isinstance(env, str) else env
    for name, value in values.items():
        if not name.startswith("ATRIUM_") and value is not None:
            os.environ.setdefault(name, str(value))


def _extend_path(dependencies: list[str], folder: Path) -> None:
    """At the end: nothing in those folders hides a module of ours. Dependencies that are no folders are installed."""
    for dependency in [".", *dependencies]:
        place = (folder / dependency).resolve()
        if place.is_dir():
            if str(place) not in sys.path:
                sys.path.append(str(place))
        elif dependency.startswith((".", "/")):
            raise OperatorError(f"ATRIUM_GRAPHS: there is no folder {dependency}, which `dependencies` names.")


def _own_graph(graph_id: str, named: Any, folder: Path) -> OwnGraph:
    source, description = (named.get("path"), named.get("description")) if isinstance(named, dict) else (named, None)
    place, _, attribute = source.rpartition(":") if isinstance(source, str) else ("", "", "")
    if not (place and attribute) or not isinstance(description, str | None):
        raise OperatorError(f"Name the graph {graph_id} like ./file.py:attribute or package.module:attribute.")
    if place.endswith(JAVASCRIPT):
        raise OperatorError(f"The graph {graph_id} is written in JavaScript; Atrium runs graphs in Python.")
    try:
        return OwnGraph(_graph(getattr(_module(place, folder), attribute)), description)
    except Exception as exc:
        raise OperatorError(f"The graph {graph_id} cannot be loaded from {source}: {_reason(exc)}") from exc


def _graph(found: Any) -> AnyGraph | Factory:
    if callable(found) and not isinstance(found, Pregel | StateGraph):
        return factory(found)
    return compiled(found)


def _module(place: str, folder: Path) -> ModuleType:
    if "/" not in place and not place.endswith(".py"):
        return importlib.import_module(place)
    file = (folder / place).resolve()
    # The same on every machine: checkpoints remember the modules of what they hold.
    name = "langgraph_json__" + re.sub(r"\W+", "_", os.path.relpath(file.with_suffix(""), folder))
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise OperatorError(f"there is no Python file {place}.")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _reason(error: Exception) -> str:
    if isinstance(error, OperatorError):
        return error.detail
    hint = ""
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] in OURS:
        hint = f" (modules called {', '.join(OURS)} are Atrium's own; give yours another name)"
    return f"{type(error).__name__}: {error}{hint}"
