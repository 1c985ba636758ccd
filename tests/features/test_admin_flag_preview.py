"""Who gets what: the answer of a flag to a context that is typed in."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Organization
from features.models import Environment, Flag, FlagState, Segment
from tests.features.conftest import MakeFlag
from tests.features.staff import As, as_role, counted, owner, path, text

__all__ = ["as_role", "owner"]
US = {"variant": "next", "conditions": [{"attribute": "team", "operator": "in", "values": ["us"]}]}


@pytest.fixture
def colour(make_flag: MakeFlag) -> Flag:
    variants = {"current": "blü", "next": "green"}
    return make_flag("colour", kind="string", variants=variants, default_variant="current", rules=[US])


def ask(client: Client, flag: Flag, context: Any, environment: Environment | None = None) -> Any:
    place = environment or flag.states.get().environment
    typed = context if isinstance(context, str) else json.dumps(context)
    return client.post(path("flag", flag.pk, "preview"), {"environment": place.pk, "context": typed})


def test_the_page_asks_for_a_context_and_begins_with_production(as_role: As, colour: Flag) -> None:
    Environment.objects.create(organization=colour.organization, key="canary")
    answer = as_role("viewer").get(path("flag", colour.pk, "preview"))
    assert answer.context["found"] is None
    assert str(answer.context["form"]["environment"].value()) == str(colour.states.get().environment_id)
    assert '"targetingKey": "user-1"' in text(answer)


def test_the_answer_says_value_variant_reason_rule_and_each_step(as_role: As, colour: Flag) -> None:
    viewer = as_role("viewer")
    with counted():
        page = text(ask(viewer, colour, {"team": "us"}))
    assert '<code>"green"</code>' in page
    assert "TARGETING_MATCH" in page
    assert "<code>rules[0].conditions[0]</code></td><td>✓</td><td>team must be one of us: it does" in page or (
        "rules[0].conditions[0]" in page and "it does" in page
    )
    page = text(ask(viewer, colour, {"team": "them"}))
    assert '<code>"blü"</code>' in page
    assert "<dd>DEFAULT</dd>" in page
    assert "no rule answered" in page


def test_what_was_saved_just_now_counts(owner: Client, colour: Flag) -> None:
    assert ask(owner, colour, {}).context["found"].variant == "current"
    colour.states.get().kill("x")
    found = ask(owner, colour, {}).context["found"]
    assert (found.variant, found.reason) == (None, "DISABLED")
    assert "the caller’s own default counts" in text(ask(owner, colour, {}))


def test_each_environment_answers_by_its_own_rules_and_segments(owner: Client, colour: Flag) -> None:
    home = colour.organization
    canary = Environment.objects.create(organization=home, key="canary")
    Segment.objects.create(organization=home, key="few", conditions=US["conditions"])
    rules = [{"variant": "next", "conditions": [{"segment": "few"}]}]
    FlagState.objects.create(flag=colour, environment=canary, enabled=True, rules=rules)
    production = colour.states.exclude(environment=canary).get().environment
    assert ask(owner, colour, {"team": "us"}, canary).context["found"].variant == "next"
    assert ask(owner, colour, {"team": "them"}, canary).context["found"].variant is None
    assert ask(owner, colour, {"team": "them"}, production).context["found"].variant == "current"


@pytest.mark.parametrize(
    ("context", "wrong"),
    [
        ("{'a': 1}", "It is not JSON"),
        ("[" * 5000, "It is not JSON"),
        ('{"a":' * 40 + "1" + "}" * 40, "It nests deeper than 32 levels."),
        ('"' + "a" * 65_536 + '"', "It has more than 65536 characters."),
    ],
)
def test_what_is_no_context_is_told_at_its_field(owner: Client, colour: Flag, context: str, wrong: str) -> None:
    answer = ask(owner, colour, context)
    assert wrong in str(answer.context["form"].errors["context"])
    assert answer.context["found"] is None


def test_a_context_that_is_no_object_is_answered_as_a_caller_would_be(owner: Client, colour: Flag) -> None:
    assert "INVALID_CONTEXT: the context must be an object" in text(ask(owner, colour, [1]))
    assert ask(owner, colour, "").context["found"].variant == "current"


def test_nothing_of_a_context_is_written_down(owner: Client, colour: Flag) -> None:
    ask(owner, colour, {})
    with CaptureQueriesContext(connection) as asked:
        assert ask(owner, colour, {"targetingKey": "secret-person"}).status_code == 200
    assert not [query["sql"] for query in asked if not query["sql"].startswith(("SELECT", "SAVEPOINT", "RELEASE"))]
    assert "secret-person" not in str([query["sql"] for query in asked])


def test_flags_and_environments_of_others_are_not_asked(owner: Client, colour: Flag, stranger: Organization) -> None:
    place = Environment.objects.production(stranger)
    foreign = Flag.objects.create(organization=stranger, key="theirs", kind="boolean", variants={"on": True})
    assert ask(owner, foreign, {}, place).status_code == 404
    assert "Select a valid choice" in str(ask(owner, colour, {}, place).context["form"].errors["environment"])
