"""manage.py allow_models."""

import pytest
from django.core.management.base import CommandError

from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Organization, Project
from api.models import ModelPermissions
from tests.api.commands import run

pytestmark = pytest.mark.usefixtures("database")

NAME = "Default project"


def listed() -> list[tuple[str, list[str]]]:
    return list(ModelPermissions.objects.values_list("mode", "model_ids"))


def test_a_project_may_use_what_is_named_and_nothing_else() -> None:
    out, err = run("allow_models", NAME, "lukhas-echo-1", "lukhas-chat-1", "lukhas-echo-1")
    assert out == "Allowed in project Default project: lukhas-echo-1, lukhas-chat-1.\n"
    assert err == ""
    assert listed() == [("allow_list", ["lukhas-echo-1", "lukhas-chat-1"])]
    event = AuditEvent.objects.latest("pk")
    assert (event.type, event.source, event.actor_name) == (
        "model_permissions.created",
        "command",
        "manage.py allow_models",
    )


def test_the_project_may_be_named_by_its_id_and_have_its_models_replaced() -> None:
    run("allow_models", NAME, "lukhas-echo-1")
    run("allow_models", ensure_defaults()[1].public_id, "lukhas-chat-1")
    assert listed() == [("allow_list", ["lukhas-chat-1"])]


def test_all_takes_what_was_said_away() -> None:
    run("allow_models", NAME, "lukhas-echo-1")
    assert run("allow_models", NAME, "--all")[0] == "Allowed in project Default project: every model.\n"
    assert listed() == []
    run("allow_models", NAME, "--all")
    assert listed() == []


def test_a_dry_run_says_what_would_be_done_and_does_nothing() -> None:
    out, _ = run("allow_models", NAME, "lukhas-echo-1", "--dry-run")
    assert out == "Would be allowed in project Default project: lukhas-echo-1.\n"
    assert listed() == []


def test_quiet_is_quiet() -> None:
    assert run("allow_models", NAME, "lukhas-echo-1", "-v", "0") == ("", "")
    assert listed() == [("allow_list", ["lukhas-echo-1"])]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([NAME], "Name the models that the project may use, or say --all."),
        ([NAME, "lukhas-echo-1", "--all"], "Name the models that the project may use, or say --all."),
        ([NAME, "nothing"], "there is no model or alias 'nothing'"),
        (["Nowhere", "lukhas-echo-1"], "There is no project 'Nowhere'."),
        (["Twice", "lukhas-echo-1"], "Several projects are called 'Twice'"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_changes(arguments: list[str], message: str) -> None:
    for slug in ("a", "b"):
        Project.objects.create(organization=Organization.objects.create(slug=slug, name=slug), name="Twice")
    with pytest.raises(CommandError, match=message):
        run("allow_models", *arguments)
    assert listed() == []


def test_an_archived_project_is_left_as_it_is() -> None:
    project = Project.objects.create(organization=ensure_defaults()[0], name="Old")
    project.archive()
    with pytest.raises(CommandError, match="The project is archived"):
        run("allow_models", project.public_id, "lukhas-echo-1")
    assert listed() == []
