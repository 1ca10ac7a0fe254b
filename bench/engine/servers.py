"""The same graph on four servers: Atrium, `langgraph dev`, Aegra, and what one would write by hand in an hour."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import psycopg

from api.launch import free_port, running_house
from bench.engine.contender import Contender, serving
from bench.house import new_person
from core.embedded import EmbeddedServers, embedded_servers
from core.settings import EMBEDDED, load_settings

ROOT = Path(__file__).parents[2]
GRAPH = "two_nodes"
_FOLDER = Path(__file__).parent / GRAPH
_NO_LIMITS = {"ATRIUM_REQUESTS_PER_MINUTE": "1000000", "ATRIUM_GRAPHS": str(_FOLDER / "langgraph.json")}
# With greenlet, which it needs and does not name, and with uvloop and httptools, which Atrium has.
_AEGRA = ("aegra-api==0.6.0", "sqlalchemy[asyncio]", "uvloop", "httptools")
# Made for one user otherwise.
_AEGRA_POOLS = {"SQLALCHEMY_POOL_SIZE": "30", "LANGGRAPH_MAX_POOL_SIZE": "30"}
_UUID_EXTENSION = 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp"'
_UUID_FUNCTION = "CREATE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()'"
# `langgraph dev` runs ten at once otherwise.
_AT_ONCE = "64"


@contextmanager
def atrium() -> Iterator[Contender]:
    """The whole house; two processes of it have nothing to do."""
    with (
        patch.dict(os.environ, _NO_LIMITS),
        _folder() as folder,
        running_house(load_settings(**EMBEDDED, data_dir=folder, port=free_port(), host="127.0.0.1")) as house,
    ):
        ours = [process.pid for process in house.processes.values()]
        yield Contender(house.url, (*ours, *house.servers.pids.values()), new_person(house.url).headers)


@contextmanager
def langgraph_dev() -> Iterator[Contender]:
    """In memory."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(Path(sys.executable).with_name("langgraph")), "dev", "--no-browser", "--no-reload"]
    command += ["--port", str(port), "--n-jobs-per-worker", _AT_ONCE, "--server-log-level", "ERROR"]
    with _graph_folder() as folder, serving(command, folder, url, ready="/ok") as pid:
        yield Contender(url, (pid,))


@contextmanager
def aegra() -> Iterator[Contender]:
    """From PyPI, in an environment of its own, on an embedded Postgres like ours. Raises when it cannot be had."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with _graph_folder() as folder, _folder() as data, embedded_servers(data) as servers:
        python = _install(folder / ".venv", _AEGRA)
        _do_without_uuid_ossp(folder / ".venv")
        _create_database(servers)
        environment = os.environ | _AEGRA_POOLS | {
            "DATABASE_URL": f"postgresql://postgres@/aegra?host={servers.socket_directory}",
            "AEGRA_CONFIG": "langgraph.json",
            "LOG_LEVEL": "ERROR",
        }  # fmt: skip
        command = [python, "-m", "uvicorn", "aegra_api.main:app", "--port", str(port), "--log-level", "error"]
        with serving(command, folder, url, ready="/health", environment=environment) as pid:
            yield Contender(url, (pid, servers.pids["Postgres"]))


@contextmanager
def by_hand() -> Iterator[Contender]:
    """FastAPI, sse-starlette, `astream_events`: nothing is stored."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "bench.engine.by_hand:app",
        "--port",
        str(port),
        "--log-level",
        "error",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with _folder() as folder, serving(command, folder, url, ready="/docs", environment=environment) as pid:
        yield Contender(url, (pid,))


def _create_database(servers: EmbeddedServers) -> None:
    ours = servers.database_url("postgres")
    with psycopg.connect(ours, autocommit=True) as owner:
        owner.execute("CREATE DATABASE aegra")
    with psycopg.connect(ours, dbname="aegra") as owner:
        owner.execute(_UUID_FUNCTION)


def _do_without_uuid_ossp(environment: Path) -> None:
    """The embedded Postgres has no such extension; the one function of it that is used is made instead."""
    (migration,) = environment.glob("lib/*/site-packages/aegra_api/alembic/versions/*_initial_schema.py")
    text = migration.read_text()
    if _UUID_EXTENSION not in text:
        raise RuntimeError(f"{migration.name} is not the one that is known")
    migration.write_text(text.replace(_UUID_EXTENSION, "SELECT 1"))


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as folder:
        yield Path(folder)


@contextmanager
def _graph_folder() -> Iterator[Path]:
    """A copy: some servers write beside the graph."""
    with _folder() as folder:
        yield Path(shutil.copytree(_FOLDER, folder / GRAPH))


def _install(environment: Path, packages: tuple[str, ...]) -> str:
    """Returns its interpreter."""
    uv, python = str(ROOT / ".uv/bin/uv"), str(environment / "bin/python")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
    # Links would be shared with uv's cache, and one of the files is changed here.
    install = ["--quiet", "--link-mode", "copy", "--python", python]
    subprocess.run([uv, "pip", "install", *install, *packages], check=True)
    return python
