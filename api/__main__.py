"""`python -m api`: serves until SIGINT or SIGTERM."""

import sys

import uvicorn

from api.app import create_app
from core.errors import OperatorError
from core.garbage import collect_rarely
from core.settings import load_settings
from core.telemetry import configure_logging

GRACE_SECONDS = 5


def main() -> int:
    try:
        settings = load_settings()
    except OperatorError as error:
        print(error.detail, file=sys.stderr)
        return 2
    configure_logging(settings.log_level)
    collect_rarely()
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            ws_max_size=settings.request_max_bytes,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    server.run()
    return 0 if server.started else 2


if __name__ == "__main__":
    sys.exit(main())
