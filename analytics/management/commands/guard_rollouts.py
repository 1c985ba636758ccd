"""manage.py guard_rollouts: one round of the rollout guard and of the ramps, for those who have no server do it."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from accounts.audit.commands import AuditedCommand
from accounts.management.progress import tracked
from analytics.models import RolloutGuard
from analytics.rollout_guard import guarding, look, watch
from features.models import Ramp
from features.ramping import advance


class Command(AuditedCommand):
    help = (
        "Look at every rollout that is guarded, turn those back that do harm, and go on with ramps that are due. "
        "Servers do so by themselves, unless LUKHAS_ROLLOUT_KEEPER is off; then run it every minute."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        now, dry, quiet = timezone.now(), options["dry_run"], options["verbosity"] < 1
        said = []
        guards = list(RolloutGuard.objects.with_flags().order_by("pk"))
        for guard in tracked(guards, self.stderr, shown=not quiet):
            seen = look(guard, now) if dry else watch(guard, now)
            done = "is turned back" if seen.turned else "stays"
            said.append(f"{guard.state} {'would be turned back' if dry and seen.turn else done}: {seen.told}")
        if dry:
            said += [f"{ramp} is due." for ramp in Ramp.objects.due(now).with_flags()]
        else:
            said += [f"{each.ramp}: {each.why or f'{each.percent} %'}" for each in advance(now)]
            guarding.teller.tell_due()
        if not quiet:
            self.stdout.write("\n".join(said) or "There is nothing to guard.")
