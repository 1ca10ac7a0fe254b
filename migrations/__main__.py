"""`python -m migrations upgrade|downgrade REVISION` against ATRIUM_OWNER_DATABASE_URL."""

import argparse
import sys

from core.errors import OperatorError
from core.settings import load_settings
from migrations import runner


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m migrations")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("upgrade").add_argument("revision", nargs="?", default="head")
    commands.add_parser("downgrade").add_argument("revision", help="a revision such as 0003, or base")
    arguments = parser.parse_args()
    try:
        settings = load_settings()
    except OperatorError as error:
        print(error.detail, file=sys.stderr)
        return 2
    if settings.owner_database_url is None:
        print("Set ATRIUM_OWNER_DATABASE_URL to the Postgres role that owns the tables.", file=sys.stderr)
        return 2
    owner_url = settings.owner_database_url.get_secret_value()
    if arguments.command == "upgrade":
        app, auth = settings.database_url, settings.auth_database_url
        runner.upgrade(
            owner_url,
            arguments.revision,
            app_url=app.get_secret_value() if app else None,
            auth_url=auth.get_secret_value() if auth else None,
            dimensions=settings.embedding_dimensions,
        )
    else:
        runner.downgrade(owner_url, arguments.revision)
    return 0


if __name__ == "__main__":
    sys.exit(main())
