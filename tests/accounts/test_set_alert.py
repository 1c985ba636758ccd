"""manage.py set_alert."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.alerts.signing import secret_of
from accounts.models import AuditEvent, Organization, Project, SpendAlert
from tests.accounts.alerting import ANN, BOB, alert_of, nobody_else_watches

__all__ = ["nobody_else_watches"]
pytestmark = pytest.mark.usefixtures("nobody_else_watches")
HOOK = "https://hooks.example.com/x"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("set_alert", *arguments, stdout=out)
    return out.getvalue()


def test_an_alert_is_set_changed_and_taken_away(project: Project) -> None:
    said = run("month", "250", "--mail", ANN, "--mail", BOB, "--subject-prefix", "Careful")
    assert said == f"Set for project {project}: an alert at $250.00 a month, to {ANN}, {BOB}.\n"
    alert = SpendAlert.objects.get()
    assert (alert.threshold, alert.recipients, alert.subject_prefix) == (Decimal(250), [ANN, BOB], "Careful")
    run("month", "250.00", "--mail", BOB)
    alert.refresh_from_db()
    assert (SpendAlert.objects.count(), alert.recipients, alert.subject_prefix) == (1, [BOB], "Careful")
    assert run("month", "250", "--remove") == f"Set for project {project}: no alert at $250.00 a month.\n"
    assert not SpendAlert.objects.exists()


def test_alerts_of_other_thresholds_periods_and_scopes_are_others(project: Project, organization: Organization) -> None:
    for arguments in (
        ("month", "250"),
        ("month", "500"),
        ("day", "250"),
        ("day", "250", "--organization", organization.slug),
        ("day", "250", "--organization", organization.public_id),
        ("day", "250", "--project", project.name),
    ):
        run(*arguments, "--mail", ANN)
    assert SpendAlert.objects.count() == 4
    assert SpendAlert.objects.get(organization=organization).period == "day"


def test_the_secret_of_a_webhook_is_printed_when_it_is_new_and_when_it_is_exchanged(project: Project) -> None:
    said = run("day", "5", "--webhook", HOOK)
    alert = SpendAlert.objects.get()
    assert said == f"Set for project {project}: an alert at $5.00 a day, to a webhook.\n{secret_of(alert)}\n"
    assert "whsec_" not in run("day", "5", "--webhook", HOOK + "y")
    exchanged = run("day", "5", "--exchange-secret", "-v0")
    alert.refresh_from_db()
    assert (exchanged, alert.secret_version) == (f"{secret_of(alert)}\n", 2)
    assert run("day", "5", "--webhook", "none", "--mail", ANN).endswith(f"to {ANN}.\n")
    assert "whsec_" in run("day", "5", "--webhook", HOOK)


def test_a_dry_run_says_what_it_would_do_and_changes_nothing_and_shows_no_secret(project: Project) -> None:
    said = run("day", "5", "--webhook", HOOK, "--dry-run")
    assert said == f"Would be set for project {project}: an alert at $5.00 a day, to a webhook.\n"
    assert not SpendAlert.objects.exists()


def test_quietly_it_says_nothing(project: Project) -> None:
    assert run("day", "5", "--mail", ANN, "-v0") == ""


def test_it_is_written_down_with_who_runs_it(project: Project) -> None:
    run("day", "5", "--mail", ANN)
    event = AuditEvent.objects.latest("pk")
    assert (event.type, event.source, event.actor_name) == ("spend_alert.created", "command", "manage.py set_alert")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["week", "5", "--mail", ANN], "invalid choice"),
        (["day", "much", "--mail", ANN], "neither an amount"),
        (["day", "none", "--mail", ANN], "not an amount of dollars"),
        (["day", "--mail", ANN, "--", "-5"], "greater than or equal to 0"),
        (["day", "5"], "Name somebody to be told"),
        (["day", "5", "--mail", "ann"], "no e-mail address"),
        (["day", "5", "--webhook", "http://metadata/"], "never called"),
        (["day", "5", "--mail", ANN, "--exchange-secret"], "no webhook whose secret"),
        (["day", "5", "--webhook", HOOK, "--exchange-secret"], "no webhook whose secret"),
        (["day", "5", "--remove"], r"No alert of project .* is set for \$5.00 a day"),
        (["day", "5", "--mail", ANN, "--project", "proj_none"], "There is no project"),
        (["day", "5", "--mail", ANN, "--project", "x", "--organization", "y"], "not allowed with"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(project: Project, arguments: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        run(*arguments)
    assert not SpendAlert.objects.exists()


def test_of_two_alike_none_is_guessed(project: Project) -> None:
    for _ in range(2):
        alert_of(project)
    with pytest.raises(CommandError, match="More than one alert"):
        run("month", "10", "--mail", BOB)
