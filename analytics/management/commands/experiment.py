"""manage.py experiment: experiments from the command line."""

import argparse
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts.audit.commands import AuditedCommand
from accounts.exceptions import Conflicting
from analytics.experiments.drawing import Drawing
from analytics.experiments.hints import hints
from analytics.experiments.results import results_of
from analytics.experiments.wire import experiment_object, results_object
from analytics.models import Experiment
from analytics.models.experiments import Status
from features.management.flagging.base import dumped, table

COLUMNS = ("id", "name", "flag", "environment", "metric", "status")
HELP = {
    "list": "list experiments, the newest first",
    "show": "show an experiment, and what came of it",
    "start": "start one: its flag keeps, from then on, which unit got which variant",
    "stop": "stop one, for good",
}


class Command(AuditedCommand):
    help = "List, show, start and stop experiments."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        for name, text in HELP.items():
            action = actions.add_parser(name, help=text, description=text)
            if name == "list":
                action.add_argument("--organization", metavar="O", help="id or slug; else all of them")
                action.add_argument("--status", choices=Status.values, help="only those with this status")
            else:
                action.add_argument("id", metavar="ID", help="exp_…")
            if name in ("start", "stop"):
                action.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
            action.add_argument("--json", action="store_true", help="print JSON, for programs")
            # Also behind the name of the action, where Django's own is not looked for.
            action.add_argument("-v", "--verbosity", type=int, choices=range(4), default=argparse.SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, options["action"])(options)

    def list(self, options: dict[str, Any]) -> None:
        rows = Experiment.objects.with_flags().order_by("-pk")
        if options["status"]:
            rows = rows.having(options["status"])
        if (home := options["organization"]) is not None:
            rows = rows.of(home)
        found = [experiment_object(row, names=True) for row in rows]
        if options["json"]:
            self.stdout.write(dumped(found))
        else:
            self.stdout.write(table(found, COLUMNS) if found else "There is no such experiment.")

    def show(self, options: dict[str, Any]) -> None:
        experiment, now = self.found(options), timezone.now()
        results = results_of(experiment, now)
        told = hints(results, now)
        if options["json"]:
            shown = {**experiment_object(experiment, names=True), "results": results_object(results, told)}
            self.stdout.write(dumped(shown))
            return
        drawing = Drawing(results)
        headers = ("Variant", *drawing.headers)
        rows = [dict(zip(headers, (row.arm.variant, *row.cells), strict=True)) for row in drawing.rows()]
        self.stdout.write(table([experiment_object(experiment, names=True)], COLUMNS))
        self.stdout.write("\n" + table(rows, headers))
        for hint in told:
            self.stdout.write(f"\n{hint}")

    def start(self, options: dict[str, Any]) -> None:
        self.change(options, Status.RUNNING)

    def stop(self, options: dict[str, Any]) -> None:
        self.change(options, Status.ENDED)

    def change(self, options: dict[str, Any], status: Status) -> None:
        experiment = self.found(options)
        try:
            with transaction.atomic():
                (experiment.start if status == Status.RUNNING else experiment.stop)()
                if options["dry_run"]:
                    transaction.set_rollback(True)
        except Conflicting as error:
            raise CommandError(error.message) from error
        except ValidationError as error:
            raise CommandError("\n".join(error.messages)) from error
        if options["json"]:
            self.stdout.write(dumped(experiment_object(experiment, names=True)))
        elif options["verbosity"] > 0:
            self.stdout.write(f"{experiment.public_id} {'would be' if options['dry_run'] else 'is'} {status.value}.")

    def found(self, options: dict[str, Any]) -> Experiment:
        experiment = Experiment.objects.with_flags().filter(public_id=options["id"]).first()
        if experiment is None:
            raise CommandError(f"There is no experiment {options['id']!r}.")
        return experiment
