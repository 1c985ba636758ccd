"""manage.py set_limit and set_budget."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Budget, Organization, Project, RateLimit
from accounts.models.limitchanges import changes
from tests.accounts.conftest import Issue

ECHO = "lukhas-echo-1"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "unit", "period"),
    [
        ("requests/minute", "requests", "minute"),
        ("requests/day", "requests", "day"),
        ("tokens/minute", "tokens", "minute"),
        ("tokens/day", "tokens", "day"),
        ("in-flight", "in_flight", ""),
    ],
)
def test_every_kind_of_limit_is_set_changed_and_taken_away(project: Project, kind: str, unit: str, period: str) -> None:
    for value in ("100", "200"):
        said = run("set_limit", kind, value, "--model", ECHO)
        row = RateLimit.objects.get()
        assert (row.project, row.unit, row.period, row.model, row.value) == (
            project,
            unit,
            period,
            ECHO,
            int(value),
        )
        assert said.startswith(f"Set for project {project}: {value} ")
    assert (
        run("set_limit", kind, "none", "--model", ECHO) == f"Set for project {project}: no limit on {kind} of {ECHO}.\n"
    )
    assert not RateLimit.objects.exists()


def test_a_budget_is_set_changed_and_taken_away(project: Project) -> None:
    for amount in ("12.50", "20"):
        run("set_budget", "month", amount)
        assert Budget.objects.get().amount == Decimal(amount)
    assert run("set_budget", "month", "none").endswith("no limit on spending in a month.\n")
    assert not Budget.objects.exists()


def test_a_scope_is_found_by_what_people_know_of_it(project: Project, organization: Organization, issue: Issue) -> None:
    key = issue()[0]
    for option, text, field in (
        ("--project", project.public_id, "project"),
        ("--project", project.name, "project"),
        ("--organization", organization.public_id, "organization"),
        ("--organization", organization.slug, "organization"),
        ("--key", key.public_id, "api_key"),
    ):
        run("set_budget", "day", "5", option, text)
        assert getattr(Budget.objects.get(), field) is not None
        Budget.objects.all().delete()


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(project: Project) -> None:
    before = changes.count
    assert run("set_limit", "tokens/day", "5", "--dry-run") == (
        f"Would be set for project {project}: 5 tokens per day.\n"
    )
    assert not RateLimit.objects.exists()
    assert changes.count == before


def test_quietly_it_says_nothing(project: Project) -> None:
    assert run("set_budget", "day", "5", "-v0") == ""
    assert Budget.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["set_limit", "bytes/minute", "5"], "invalid choice"),
        (["set_limit", "tokens/day", "many"], "neither a whole number nor none"),
        (["set_limit", "tokens/day", "-1"], "neither a whole number nor none"),
        (["set_limit", "tokens/day", "²"], "neither a whole number nor none"),
        (["set_limit", "tokens/day", str(2**60)], "less than or equal"),
        (["set_limit", "tokens/day", "5", "--model", "big"], "There is no model and no alias 'big'."),
        (["set_limit", "tokens/day", "5", "--project", "proj_none"], "There is no project 'proj_none'."),
        (["set_limit", "tokens/day", "5", "--key", "key_none"], "There is no API key 'key_none'."),
        (["set_limit", "tokens/day", "5", "--organization", "x"], "There is no organisation 'x'."),
        (["set_limit", "tokens/day", "5", "--organization", "x", "--key", "y"], "not allowed with"),
        (["set_budget", "week", "5"], "invalid choice"),
        (["set_budget", "day", "much"], "neither an amount of dollars nor none"),
        (["set_budget", "day", "Infinity"], "neither an amount of dollars nor none"),
        (["set_budget", "day", "--", "-5"], "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(database: None, arguments: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        run(*arguments)
    assert not RateLimit.objects.exists()
    assert not Budget.objects.exists()


def test_a_name_that_two_projects_have_is_refused(project: Project, organization: Organization) -> None:
    for _ in range(2):
        Project.objects.create(organization=organization, name="twin")
    with pytest.raises(CommandError, match="More than one project is named 'twin'"):
        run("set_budget", "day", "5", "--project", "twin")
