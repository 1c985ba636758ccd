"""manage.py set_fallbacks: which models answer where a model does not."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from api.management.upsert import UpsertCommand, complaints, known_model
from api.models import Fallback


class Command(UpsertCommand):
    help = (
        "Say which models answer, in this order, where all deployments of a model fail. What was set before is "
        "replaced; without any, nobody answers in its place."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model_id", metavar="MODEL_ID", help="the model that callers ask for")
        parser.add_argument("targets", metavar="TARGET", nargs="*", help="the id of a model that stands in")
        super().add_arguments(parser)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        model = known_model(options["model_id"])
        before = [row.target.model_id for row in model.fallbacks.select_related("target")]
        after = list(dict.fromkeys(options["targets"]))
        if before == after:
            self.say(options, f"Unchanged: fallbacks of {model}.")
            return
        rows = [Fallback(model=model, target=known_model(name), position=at) for at, name in enumerate(after)]
        for row in rows:
            try:
                row.full_clean(validate_unique=False, validate_constraints=False)
            except ValidationError as error:
                raise CommandError(" ".join(complaints(error))) from error
            if row.target == model:
                raise CommandError("A model cannot fall back to itself.")
        if not options["dry_run"]:
            model.fallbacks.all().delete()
            for row in rows:
                row.save()
        verb = "Would set" if options["dry_run"] else "Set"
        self.say(options, f"{verb} fallbacks of {model}: {', '.join(before) or 'none'} → {', '.join(after) or 'none'}.")
