"""`make run`: Atrium on this machine until Ctrl-C, with a demo tenant from the first start on."""

import json
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
        with running_house(settings) as house, _stopping_once():
            print(_banner(house, _demo_tenant(house, settings.data_dir)), flush=True)
            _supervise(house)
    except OperatorError as error:
        print(error.detail, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Atrium stopped; its data stays where it is.")
    return 0


@contextmanager
def _stopping_once() -> Iterator[None]:
    """An impatient second Ctrl-C must not cut the stores' own shutdown short."""
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("\nStopping …", flush=True)


def _supervise(house: House) -> None:
    while True:
        time.sleep(1)
        house.require_stores()
        for name in house.restart_dead():
            print(f"The {name} ended and was started again; its log is {house.log_dir}/{name}.log.", flush=True)


def _demo_tenant(house: House, data_dir: Path) -> dict[str, str]:
    """The login, complete with an API key once everything is there; a start that was cut off is made good."""
    file = data_dir / "demo.json"
    login: dict[str, str] = (
        json.loads(file.read_text()) if file.exists() else {"email": EMAIL, "password": secrets.token_urlsafe(12)}
    )
    if "api_key" in login:
        return login
    _write_private(file, login)
    with Client(house.url) as client:
        client.register_or_login(tenant_name="Pellwick Lamp Works", name="Demo", **login)
        for document in client.upload(client.knowledge_base("Handbook"), list(DOCUMENTS)):
            for stage, _ in client.follow(document):
                print(f"\r  {document['name']}: {stage:<12}", end="", flush=True)
            print()
        login["api_key"] = client.create_api_key("demo")
    _write_private(file, login)
    return login


def _write_private(file: Path, login: dict[str, str]) -> None:
    """In one step: a start that is cut off leaves the old content or the new."""
    draft = file.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(login))
    draft.replace(file)


def _banner(house: House, login: dict[str, str]) -> str:
    question = json.dumps({"message": QUESTION})
    return f"""
  Atrium is ready      {house.url}
  Interactive docs     {house.url}/docs
  Demo login           {login["email"]}  {login["password"]}
  Logs                 {house.log_dir}

  Ask the demo handbook, and watch the cited answer stream in:

curl -sN {house.url}/v1/chat -H 'x-api-key: {login["api_key"]}' -H 'content-type: application/json' -d '{question}'

  Ctrl-C stops everything.
"""


if __name__ == "__main__":
    sys.exit(main())
