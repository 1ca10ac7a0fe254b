"""`make run`: Atrium on this machine until Ctrl-C, with a demo tenant from the first start on."""

import json
import os
import secrets
import signal
import sys
import time
from pathlib import Path

from api.launch import House, running_house
from core.errors import OperatorError
from core.settings import load_settings
from demo.client import Client
from demo.handbook import DOCUMENTS

EMAIL = "demo@atrium.example"
QUESTION = "How many days of holiday do I get after six years?"


def main() -> int:
    # A supervisor stops us like Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        settings = load_settings()
        with running_house(settings) as house:
            print(_banner(house, _demo_tenant(house, settings.data_dir)), flush=True)
            _supervise(house)
    except OperatorError as error:
        print(error.detail, file=sys.stderr)
        return 2
    print("Atrium stopped; its data stays where it is.")
    return 0


def _supervise(house: House) -> None:
    """Until Ctrl-C. What ends before that is started again."""
    try:
        while True:
            time.sleep(1)
            for name in house.restart_dead():
                print(f"The {name} ended and was started again; {house.log_dir}/{name}.log says why.", flush=True)
    except KeyboardInterrupt:
        # An impatient second Ctrl-C must not cut the stores' own shutdown short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("\nStopping …", flush=True)


def _demo_tenant(house: House, data_dir: Path) -> dict[str, str]:
    """The login, written down on the first start and read again on the next."""
    file = data_dir / "demo.json"
    if file.exists():
        login: dict[str, str] = json.loads(file.read_text())
        return login
    password = secrets.token_urlsafe(12)
    with Client(house.url) as client:
        client.register(tenant_name="Pellwick Lamp Works", email=EMAIL, password=password, name="Demo")
        login = {"email": EMAIL, "password": password, "api_key": client.create_api_key("demo")}
        _write_private(file, json.dumps(login))
        for document in client.upload(client.create_knowledge_base("Handbook"), list(DOCUMENTS)):
            for stage, _ in client.follow(document):
                print(f"\r  {document['name']}: {stage:<12}", end="", flush=True)
            print()
    return login


def _write_private(file: Path, content: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(content)


def _banner(house: House, login: dict[str, str]) -> str:
    question = json.dumps({"message": QUESTION})
    return f"""
  Atrium is ready      {house.url}
  Interactive docs     {house.url}/docs
  Demo login           {login["email"]}  {login["password"]}
  Logs                 {house.log_dir}

  Ask the demo handbook, and watch the cited answer stream in:

curl -N {house.url}/v1/chat -H 'x-api-key: {login["api_key"]}' -H 'content-type: application/json' -d '{question}'

  Ctrl-C stops everything.
"""


if __name__ == "__main__":
    sys.exit(main())
