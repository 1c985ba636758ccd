"""manage.py add_deployment: a further place where a model is reached."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from api.management.upsert import UpsertCommand, known_model, known_upstream
from api.models import Deployment


class Command(UpsertCommand):
    help = (
        "Let a model be reached at one more upstream, beside its own, or change how much of its traffic goes there. "
        "Requests go to the least busy for its weight, and to the others where one fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model_id", metavar="MODEL_ID", help="the model")
        parser.add_argument("upstream", metavar="UPSTREAM", help="the upstream that has it, too")
        parser.add_argument(
            "--upstream-model", metavar="X", default="", help="what this upstream calls it; not given: the same id"
        )
        parser.add_argument(
            "--weight", metavar="N", type=int, help="its share; 0: only where all others fail; a new one has 1"
        )
        parser.add_argument("--remove", action="store_true", help="take this deployment away")
        super().add_arguments(parser)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        place = {
            "model": known_model(options["model_id"]),
            "upstream": known_upstream(options["upstream"]),
            "upstream_model": options["upstream_model"],
        }
        row = Deployment.objects.filter(**place).first()
        if options["remove"]:
            self.remove(row, f"deployment {options['model_id']} at {options['upstream']}", options)
            return
        row = row or Deployment(**place)
        self.upsert(row, {"weight": options["weight"]}, f"deployment {row}", options)
