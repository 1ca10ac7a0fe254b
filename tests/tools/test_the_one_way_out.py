import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def found_in(path: str, line: str) -> bool:
    """Whether `make check` would find another way out in a file of that name."""
    ruff = [sys.executable, "-m", "ruff", "check", "--quiet", "--select", "TID251", "--stdin-filename", path, "-"]
    return subprocess.run(ruff, input=line.encode(), cwd=ROOT, stdout=subprocess.DEVNULL).returncode != 0


@pytest.mark.parametrize(
    "line",
    [
        "import httpx", "import httpx2", "import httpcore2", "import requests", "import aiohttp", "import urllib3",
        "import urllib.request", "import http.client", "from httpx import AsyncClient", "import requests.sessions",
        "from urllib.request import urlopen", "from urllib import request", "from http import client",
        "def call():\n    import httpx2", "from mcp.shared._httpx_utils import create_mcp_http_client",
        "from mcp.client.streamable_http import create_mcp_http_client", "from mcp import stdio_client",
        "from mcp.client.stdio import stdio_client", "from mcp.client.sse import sse_client",
        "from mcp import ClientSessionGroup",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["agents/x.py", "tools/mcp/x.py"])
def test_another_way_out_does_not_pass(path: str, line: str) -> None:
    assert found_in(path, line)


def test_egress_itself_and_what_has_nothing_to_do_with_it_passes() -> None:
    assert not found_in("tools/egress/x.py", "import httpx2")
    assert not found_in("agents/x.py", "from urllib.parse import urlsplit\nfrom tools.egress.client import Client")
