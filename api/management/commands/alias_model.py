"""manage.py alias_model: gives a model a second name."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from api.management.upsert import UpsertCommand, known_model
from api.models import Alias
from features.models import Flag


class Command(UpsertCommand):
    help = (
        "Let callers name a model by an alias, or point an alias that there is at another model. Answers carry the "
        "model's own id. With --rollout a feature flag says which model answers whom."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("alias", metavar="ALIAS", help="the name that callers may use")
        parser.add_argument("model_id", metavar="MODEL_ID", help="the id of the model that answers")
        parser.add_argument(
            "--rollout",
            metavar="FLAG",
            help="the key of a flag whose variants are ids of models: the one of the caller's organisation says which "
            'answers, and MODEL_ID answers where there is none. "" for none; not given: as it is',
        )
        super().add_arguments(parser)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        name, model_id = options["alias"], options["model_id"]
        target = known_model(model_id)
        row = Alias.objects.filter(name=name).first() or Alias(name=name)
        if self.upsert(row, {"target": target, "rollout": options["rollout"]}, f"alias {name}", options):
            self.advise(options, f'Next: ask for "model": "{name}". A running server knows it within two seconds.')
            if not target.enabled:
                self.advise(options, f"Note: {model_id} is disabled, so its aliases lead nowhere until it is enabled.")
            if row.rollout and not Flag.objects.filter(key=row.rollout).exists():
                self.advise(options, f"Note: there is no flag {row.rollout} yet. Until then {model_id} answers all.")
