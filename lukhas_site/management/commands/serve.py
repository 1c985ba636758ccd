"""`manage.py serve`: the production server, uvicorn with uvloop and httptools."""

from contextlib import nullcontext, suppress
from math import ceil
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from uvicorn.supervisors import Multiprocess

from lukhas_site.environment import POSTGRESQL
from lukhas_site.http.connections import Connection
from lukhas_site.http.listening import bound, listeners
from lukhas_site.metrics.sharing import shared

LAST_SECONDS = 5
"""After the time of grace: for streams to send their last event, before what still runs is cut."""
# Longer than clients keep a connection they are done with (the OpenAI SDK: 5 s): who closes last loses no request.
KEEP_ALIVE_SECONDS = 75


class Command(BaseCommand):
    help = "Serves the API, the admin and the docs. More than one worker needs DATABASE_URL and REDIS_URL."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
        parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
        parser.add_argument("--bootstrap", action="store_true", help="run bootstrap first, in the same process")

    def handle(self, *args: Any, **options: Any) -> None:
        workers = options["workers"]
        if workers < 1:
            raise CommandError("--workers must be at least 1.")
        if workers > 1 and (missing := unshared()):
            raise CommandError(
                f"{workers} workers need {' and '.join(missing)}: SQLite and a cache inside one process cannot be "
                "shared. Set what is missing, or serve with one worker."
            )
        if options["bootstrap"]:  # in one process, which spares the second from importing everything once more
            call_command("bootstrap", port=options["port"], stdout=self.stdout)
            connection.close()
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # empty without `bootstrap`, but no cause to complain
        with shared() if workers > 1 else nullcontext():
            self.run(options)

    def run(self, options: dict[str, Any]) -> None:
        """Serves until it is told to stop."""
        config = uvicorn.Config(
            "lukhas_site.asgi:application",
            host=options["host"],
            port=options["port"],
            workers=options["workers"],
            loop="uvloop",
            http=Connection,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=ceil(settings.LUKHAS_GRACE_SECONDS) + LAST_SECONDS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        try:
            sockets = listeners(bound(config.host, config.port))
        except OSError as error:
            raise CommandError(f"Cannot listen on {config.host}:{config.port}: {error.strerror}.") from error
        if config.workers > 1:
            Multiprocess(config, sockets).run()
        else:
            with suppress(KeyboardInterrupt):  # what uvicorn raises once more after it has ended in good order
                uvicorn.Server(config).run(sockets)


def unshared() -> list[str]:
    """What several processes would need and do not have."""
    missing = []
    if settings.DATABASES["default"]["ENGINE"] != POSTGRESQL:
        missing.append("a DATABASE_URL of PostgreSQL")
    if not settings.REDIS_URL:
        missing.append("REDIS_URL")
    return missing
