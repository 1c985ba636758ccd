"""manage.py add_upstream: names an OpenAI-compatible server that models can be reached at."""

import os
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from api.management.upsert import UpsertCommand
from api.models import LIMITS, Upstream

EACH = "in place of the setting"
SECONDS = {
    "connect_seconds": "how long to wait for a connection",
    "first_seconds": "how long until an answer, or the first event of a stream, is there",
    "silence_seconds": "how long a stream may be silent",
    "whole_seconds": "how long an answer may take in all",
}


class Command(UpsertCommand):
    help = (
        "Add an OpenAI-compatible server (vLLM, Ollama, TEI, OpenAI itself …) as an upstream, or change the one of "
        "that name. What is not given stays as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="what the upstream is called here")
        parser.add_argument("base_url", metavar="BASE_URL", help="up to and including /v1: http://localhost:11434/v1")
        parser.add_argument(
            "--api-key-env",
            metavar="VAR",
            help='the environment variable that holds its API key; "" for none. The key itself is never stored.',
        )
        parser.add_argument("--max-connections", metavar="N", type=int, help=f"open at once, {EACH}")
        for name, what in SECONDS.items():
            parser.add_argument(f"--{name.replace('_', '-')}", metavar="S", type=float, help=f"{what}, {EACH}")
        super().add_arguments(parser)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        name, base_url, variable = options["name"], options["base_url"].rstrip("/"), options["api_key_env"]
        row = Upstream.objects.filter(name=name).first() or Upstream(name=name)
        limits = {limit: options[limit] for limit in LIMITS}
        self.upsert(row, {"base_url": base_url, "api_key_env": variable, **limits}, f"upstream {name}", options)
        if variable and not os.environ.get(variable):
            self.advise(options, f"Note: {variable} is not set here. The server needs it in its environment.")
        if not base_url.endswith("/v1"):
            self.advise(options, "Note: the base URL of most servers ends in /v1.")
        if not row.pk or not row.models.exists():
            self.advise(options, f"Next: manage.py add_model MODEL_ID --upstream {name}")
