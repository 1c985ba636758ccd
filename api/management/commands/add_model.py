"""manage.py add_model: lets callers name a model that an upstream has."""

from argparse import BooleanOptionalAction
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from api.engines.encodings import ENCODINGS
from api.management.upsert import UpsertCommand, known_upstream, parameters, price
from api.models import CAPABILITIES, Model

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
        parser.add_argument(
            "--vector-space",
            metavar="X",
            help='models that name the same one give vectors that can be compared; "" for none',
        )
        for name in CAPABILITIES:
            endpoint = f"whether it answers /v1/{'chat/completions' if name == 'chat' else name}"
            new = "does" if getattr(Model(), name) else "does not"
            parser.add_argument(f"--{name}", action=BooleanOptionalAction, help=f"{endpoint}; a new model {new}")
        for name in PRICES:
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, metavar="USD", type=price, help="US dollars per million tokens")
        parser.add_argument(
            "--default-parameters",
            metavar="JSON",
            type=parameters,
            help="""what the upstream is asked for where the caller says nothing of it: '{"temperature": 0.2}'""",
        )
        parser.add_argument(
            "--weight", metavar="N", type=int, help="the share of this upstream beside further deployments; 1 at first"
        )
        super().add_arguments(parser)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        model_id = options["model_id"]
        upstream = known_upstream(options["upstream"])
        row = Model.objects.filter(model_id=model_id).first() or Model(model_id=model_id)
        names = ("upstream_model", "context_window", "encoding", "vector_space", "default_parameters", "weight")
        values = {"upstream": upstream, **{name: options[name] for name in (*names, *CAPABILITIES, *PRICES)}}
        if self.upsert(row, values, f"model {model_id}", options):
            self.advise(options, f'Next: ask for "model": "{model_id}". A running server knows it within two seconds.')
