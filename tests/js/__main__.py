"""`python -m tests.js`: the JavaScript tests against a house that serves the graphs of tests/sdk."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from api.launch import free_port, running_house
from core.settings import Settings
from tests.api.person import Person
from tests.sdk.clients import api_key_of

HERE = Path(__file__).parent
GRAPHS = HERE.parent / "sdk" / "graphs" / "langgraph.json"


def main() -> int:
    npm = shutil.which("npm")
    if npm is None:
        print("These tests need Node.js 20 or newer, and its npm.", file=sys.stderr)
        return 2
    os.environ["ATRIUM_GRAPHS"] = str(GRAPHS)
    # A short path: a Unix socket's may be 107 bytes long.
    with (
        tempfile.TemporaryDirectory(prefix="atrium-js-") as folder,
        running_house(Settings(data_dir=Path(folder), port=free_port())) as house,
    ):
        person = Person(house.url)
        environment = os.environ | {"ATRIUM_URL": house.url, "ATRIUM_API_KEY": api_key_of(person)}
        person.close()
        return subprocess.run([npm, "test", "--silent"], cwd=HERE, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
