"""manage.py flag: feature flags from the command line."""

import argparse
from typing import Any

from django.core.management.base import CommandParser

from accounts.audit.commands import AuditedCommand
from features.management.flagging.base import Place, Subcommand
from features.management.flagging.changing import Archive, Create, Off, On
from features.management.flagging.ramping import Ramping, Rollout
from features.management.flagging.showing import Explain, List, Show, Stale
from features.management.flagging.transferring import Export, Import

SUBCOMMANDS: dict[str, type[Subcommand]] = {
    each.name: each for each in (List, Show, Create, On, Off, Rollout, Ramping, Explain, Stale, Archive, Import, Export)
}


class Command(AuditedCommand):
    help = "List, change, explain, import and export feature flags. A running server knows a change within two seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        for name, each in SUBCOMMANDS.items():
            action = actions.add_parser(name, help=each.help, description=each.help)
            each.add_arguments(action)
            action.add_argument("--organization", metavar="O", help="id or slug; else the default organisation")
            action.add_argument("--project", metavar="P", help="id or name; else the default project")
            action.add_argument("--environment", metavar="E", help="key; else the one that the project is in")
            action.add_argument("--json", action="store_true", help="print JSON, for programs")
            # Also behind the name of the subcommand, where Django's own is not looked for.
            action.add_argument("-v", "--verbosity", type=int, choices=range(4), default=argparse.SUPPRESS)
            if each.changes:
                action.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        subcommand = SUBCOMMANDS[options["action"]](self.stdout.write, self.stderr.write, options)
        subcommand.run(Place.of(options))
