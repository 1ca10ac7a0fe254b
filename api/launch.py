"""The whole house on one machine: embedded stores, migrations, then API and worker as processes of their own."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx  # noqa: TID251 - it asks the house itself
import psutil

from core.embedded import EmbeddedServers, embedded_servers
from core.errors import OperatorError
from core.settings import Settings
from migrations import runner
from tenants import signing_keys, vault_keys

COMMANDS = {"worker": ("-m", "ingest.worker"), "agents": ("-m", "agents.worker"), "api": ("-m", "api")}
START_SECONDS = 60.0
STOP_SECONDS = 15.0
ROOT = Path(__file__).parent.parent


@dataclass(slots=True)
class House:
    """A running Atrium. `processes` are `api`, `worker` and `agents`; `log_dir` holds a log of each."""

    url: str
    servers: EmbeddedServers
    log_dir: Path
    environment: dict[str, str] = field(repr=False)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        with (self.log_dir / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *COMMANDS[name]],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for this process alone, which then stops the others in order.
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    def restart_dead(self) -> list[str]:
        """Starts again what has ended, and names it."""
        dead = [name for name, process in self.processes.items() if process.poll() is not None]
        for name in dead:
            self.start(name)
        return dead

    def require_stores(self) -> None:
        """Raises `OperatorError` when an embedded store has ended: only a new start brings it back."""
        for name, pid in self.servers.pids.items():
            if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                raise OperatorError(f"The embedded {name} ended; start again, its data is where it was.")

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self.processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait_until_ready(self) -> None:
        """Raises `OperatorError` with the end of the log of a process that ended instead."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise OperatorError(f"The {name} ended while starting:\n{self._log_end(name)}")
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=2).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise OperatorError(f"The API was not ready after {START_SECONDS:.0f} s:\n{self._log_end('api')}")

    def _log_end(self, name: str) -> str:
        return (self.log_dir / f"{name}.log").read_text(errors="replace")[-2000:]


@contextmanager
def running_house(settings: Settings) -> Iterator[House]:
    """Embedded stores with their data in `settings.data_dir`, migrated, and a house on them until the block ends."""
    if not settings.embedded:
        raise OperatorError(
            "This starts embedded stores, and ATRIUM_DATABASE_URL names real ones: unset it and its siblings, "
            "or start `python -m api` and `python -m ingest.worker`."
        )
    _refuse_busy_port(settings.host, settings.port)
    with embedded_servers(settings.data_dir) as servers:
        runner.upgrade(servers.database_url("postgres"), dimensions=settings.embedding_dimensions)
        with house_on(servers, settings) as house:
            yield house


@contextmanager
def house_on(servers: EmbeddedServers, settings: Settings) -> Iterator[House]:
    """API and worker, ready, on stores that run and are migrated; stops both when the block ends."""
    signing_keys.load_or_create(settings.signing_keys_file)
    if settings.vault_file:
        vault_keys.load_or_create(settings.vault_file)
    log_dir = settings.data_dir.resolve() / "logs"
    log_dir.mkdir(exist_ok=True)
    url = f"http://{settings.host}:{settings.port}"
    house = House(url, servers, log_dir, _environment(settings, servers))
    try:
        for name in COMMANDS:
            house.start(name)
        house.wait_until_ready()
        yield house
    finally:
        house.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(settings: Settings, servers: EmbeddedServers) -> dict[str, str]:
    stores = {f"ATRIUM_{name.upper()}": url for name, url in servers.settings.items()}
    return (
        os.environ
        | stores
        | {
            "ATRIUM_HOST": settings.host,
            "ATRIUM_PORT": str(settings.port),
            "ATRIUM_JWT_KEYS_FILE": str(settings.signing_keys_file),
            "ATRIUM_VAULT_KEYS_FILE": str(settings.vault_file or ""),
        }
    )


def _refuse_busy_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise OperatorError(
                f"Port {port} on {host} is taken ({exc.strerror}); stop what uses it, or set ATRIUM_PORT."
            ) from exc


def _end_with_parent() -> None:
    """A launcher killed with -9 takes its children along: Linux sends them SIGTERM."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
