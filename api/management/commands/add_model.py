"""manage.py add_model: lets callers name a model that an upstream has."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from api.engines.encodings import ENCODINGS
from api.management.upsert import UpsertCommand, price
from api.models import Model, Upstream

PRICES = ("input_price", "cached_input_price", "output_price")


class Command(UpsertCommand):
    help = "Add a model of an upstream to the catalog, or change the one of that id. What is not given stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model_id", metavar="MODEL_ID", help="the id that callers use")
        parser.add_argument("--upstream", metavar="NAME", required=True, help="the upstream that has it")
        parser.add_argument(
            "--upstream-model", metavar="X", help='what the upstream calls it; "" or not given: the same id'
        )
        parser.add_argument("--context-window", metavar="N", type=int, help="in tokens")
        parser.add_argument("--encoding", choices=ENCODINGS, help="the encoding that callers' token ids are in")
        for name in PRICES:
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, metavar="USD", type=price, help="US dollars per million tokens")
        super().add_arguments(parser)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        model_id = options["model_id"]
        upstream = Upstream.objects.filter(name=options["upstream"]).first()
        if upstream is None:
            known = ", ".join(Upstream.objects.values_list("name", flat=True)) or "none yet"
            raise CommandError(f"No upstream {options['upstream']}. There is: {known}. See manage.py add_upstream.")
        row = Model.objects.filter(model_id=model_id).first() or Model(model_id=model_id)
        names = ("upstream_model", "context_window", "encoding", *PRICES)
        values = {"upstream": upstream, **{name: options[name] for name in names}}
        if self.upsert(row, values, f"model {model_id}", options):
            self.advise(options, f'Next: ask for "model": "{model_id}". A running server knows it within two seconds.')
