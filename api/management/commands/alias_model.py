"""manage.py alias_model: gives a model a second name."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from api.management.upsert import UpsertCommand
from api.models import Alias, Model


class Command(UpsertCommand):
    help = (
        "Let callers name a model by an alias, or point an alias that there is at another model. Answers carry the "
        "model's own id."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("alias", metavar="ALIAS", help="the name that callers may use")
        parser.add_argument("model_id", metavar="MODEL_ID", help="the id of the model that answers")
        super().add_arguments(parser)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        name, model_id = options["alias"], options["model_id"]
        target = Model.objects.filter(model_id=model_id).first()
        if target is None:
            known = ", ".join(Model.objects.values_list("model_id", flat=True)) or "none yet"
            raise CommandError(f"No model {model_id}. There is: {known}. See manage.py add_model.")
        row = Alias.objects.filter(name=name).first() or Alias(name=name)
        if self.upsert(row, {"target": target}, f"alias {name}", options):
            self.advise(options, f'Next: ask for "model": "{name}". A running server knows it within two seconds.')
            if not target.enabled:
                self.advise(options, f"Note: {model_id} is disabled, so its aliases lead nowhere until it is enabled.")
