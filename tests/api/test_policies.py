"""Policies as rows: what can be saved, what is told of what cannot, and what is written down."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.utils import IntegrityError

from accounts.bootstrap import ensure_defaults
from accounts.models import AuditEvent, Project
from api.models import Model, Policy
from tests.api.guarded import policy


@pytest.fixture
def project(database: None) -> Project:
    return ensure_defaults()[1]


def complaints(**fields: Any) -> dict[str, list[str]]:
    row = Policy(**{"name": "islands", "pattern": "a", "reason_code": "no_islands", **fields})
    with pytest.raises(ValidationError) as caught:
        row.full_clean()
    return caught.value.message_dict


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"pattern": ""}, "pattern", "A policy of this kind needs it."),
        ({"max_tokens": 5}, "max_tokens", "A policy of this kind has none: leave it empty."),
        ({"kind": "max_tokens", "max_tokens": 5}, "pattern", "A policy of this kind has none: leave it empty."),
        ({"kind": "max_tokens", "pattern": ""}, "max_tokens", "A policy of this kind needs it."),
        ({"kind": "max_tokens", "pattern": "", "max_tokens": 0}, "max_tokens", "greater than or equal to 1"),
        ({"kind": "moderation", "pattern": "", "threshold": 0.5}, "category", "A policy of this kind needs it."),
        ({"kind": "moderation", "pattern": "", "category": "violence"}, "threshold", "A policy of this kind needs it."),
        ({"kind": "moderation", "category": "boredom", "threshold": 0.5}, "category", "is not a valid choice"),
        ({"kind": "moderation", "category": "hate", "threshold": 1.1}, "threshold", "less than or equal to 1"),
        ({"kind": "magic"}, "kind", "is not a valid choice"),
        ({"mode": "asleep"}, "mode", "is not a valid choice"),
        ({"pattern": "(a"}, "pattern", "This is no pattern of RE2: missing ): (a."),
        ({"pattern": r"(a)\1"}, "pattern", r"This is no pattern of RE2: invalid escape sequence: \1."),
        ({"pattern": "(?=a)"}, "pattern", "This is no pattern of RE2: invalid perl operator: (?=."),
        ({"pattern": "((a{30}){30}){30}"}, "pattern", "This is no pattern of RE2: invalid repetition size"),
        ({"pattern": "[a-z]{999}x{999}"}, "pattern", "is a pattern that is too large"),
        ({"pattern": "a" * 1001}, "pattern", "1000"),
        ({"model": "nowhere"}, "model", "There is no model and no alias 'nowhere'."),
        ({"reason_code": "No islands!"}, "reason_code", "Small letters, digits"),
        ({"reason_code": "no_islands\n"}, "reason_code", "Small letters, digits"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(project: Project, fields: dict[str, Any], field: str, told: str) -> None:
    assert told in " ".join(complaints(project=project, **fields)[field])


def test_it_is_of_one_organisation_or_of_one_project_and_has_its_name_there_once(project: Project) -> None:
    one = ["Choose exactly one of organisation and project."]
    assert complaints() == {"__all__": one}
    assert complaints(project=project, organization=project.organization) == {"__all__": one}
    policy(name="islands", project=project)
    assert complaints(project=project) == {"__all__": ["There is a policy of this name already."]}
    policy(name="islands", organization=project.organization)
    assert complaints(organization=project.organization) == {"__all__": ["There is a policy of this name already."]}


@pytest.mark.parametrize(
    "change",
    [
        {"pattern": ""},
        {"max_tokens": 5},
        {"kind": "max_tokens"},
        {"kind": "magic"},
        {"kind": "moderation", "pattern": "", "category": "violence", "threshold": 1.5},
        {"mode": "asleep"},
        {"project": None},
    ],
)
def test_the_database_takes_no_policy_that_is_none(project: Project, change: dict[str, Any]) -> None:
    row = policy()
    with pytest.raises(IntegrityError), transaction.atomic():
        Policy.objects.filter(pk=row.pk).update(**change)


def test_it_may_outlive_its_model(project: Project) -> None:
    Model.objects.filter(model_id="lukhas-echo-1").update(model_id="renamed")
    assert "There is no model" in complaints(project=project, model="lukhas-echo-1")["model"][0]
    row = policy(model="renamed")
    Model.objects.filter(model_id="renamed").update(model_id="lukhas-echo-1")
    row.full_clean()


def test_a_policy_that_holds_for_nothing_says_so() -> None:
    with pytest.raises(ValueError, match="holds for nothing"):
        _ = Policy(name="x").scope


def test_every_change_is_on_the_audit_log_of_its_organisation(project: Project) -> None:
    row = policy(project=project)
    row.mode = "shadow"
    row.save()
    Policy.objects.filter(pk=row.pk).update(enabled=False)
    row.delete()
    events = AuditEvent.objects.filter(target_type="api.policy").order_by("pk")
    assert [event.type for event in events] == ["policy.created", "policy.updated", "policy.updated", "policy.deleted"]
    assert {event.organization for event in events} == {project.organization.public_id}
    assert {event.project_id for event in events} == {project.public_id}
    assert [event.changed() for event in events[1:3]] == [["mode"], ["enabled"]]
    whole = policy(organization=project.organization)
    event = AuditEvent.objects.latest("pk")
    assert (event.organization, event.project_id) == (project.organization.public_id, "")
    assert [Policy.audit_action({"organization": each}, ["mode"]) for each in (whole.organization_id, None)] == [
        "organization.policies.update",
        "project.policies.update",
    ]


def test_it_says_what_it_looks_for(project: Project) -> None:
    assert policy(pattern="a+").looks_for() == "a+"
    assert policy(kind="moderation", category="hate", threshold=0.5).looks_for() == "hate from 0.5 on"
    assert policy(max_tokens=5000).looks_for() == "more than 5,000 input tokens"
