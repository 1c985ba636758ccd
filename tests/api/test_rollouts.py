"""Which model answers whom: decided by a flag, in memory, and by the alias where the flag does not say."""

import asyncio
import dataclasses
import threading
from collections.abc import Callable
from math import sqrt
from typing import Any

import pytest
from django.db import OperationalError, models
from django.db.backends.utils import CursorWrapper

from accounts.bootstrap import ensure_defaults
from accounts.models import Organization, Project
from analytics.identities import identity
from analytics.models import RawExposure
from api import catalog, rollouts
from api.exceptions import ModelNotFound
from api.models import Alias, Model, ModelPermissions
from api.requests import Rollout
from features import ruleset
from features.models import Environment, Flag, FlagState, FlagsVersion, ProjectEnvironment
from tests.api.rollouts import FLAG, VARIANTS, make_flag, make_models, routed, split
from tests.features.exposing import written
from tests.threads import in_thread

PLAIN, NEXT = "lukhas-echo-1", "lukhas-echo-2"


@pytest.fixture(autouse=True)
def alias(database: None) -> Alias:
    return make_models()


@pytest.fixture
def project(database: None) -> Project:
    return ensure_defaults()[1]


@pytest.fixture
def home(project: Project) -> dict[str, str]:
    """Where a caller of the default project is at home."""
    return {"organization_id": project.organization.public_id, "project_id": project.public_id}


@pytest.fixture
def ask(home: dict[str, str]) -> Callable[..., Any]:
    """The model that answers a caller of the default project, and why: `ask("ada")`."""

    async def ask(who: str = "ada", model: str = "chat", **more: Any) -> tuple[str, Rollout | None]:
        target, rollout = await routed(model, body={"user": who}, **{**home, **more})
        return target.model, rollout

    return lambda *args, **more: asyncio.run(ask(*args, **more))


Ask = Callable[..., Any]


# --- Exposures -------------------------------------------------------------------------------------------------


def test_what_answers_is_what_is_counted(ask: Ask) -> None:
    flag = make_flag(default_variant="next")
    for _ in range(2):
        ask()
    FlagState.objects.filter(flag=flag).update(enabled=False, off_variant="")
    assert ask()[1] == Rollout(FLAG, None, "DISABLED")
    FlagState.objects.filter(flag=flag).update(enabled=True)
    Model.objects.filter(model_id=NEXT).update(enabled=False)
    catalog.forget()
    assert ask()[1] == Rollout(FLAG, None, "MODEL_UNKNOWN")
    assert written() == {(FLAG, "next", "STATIC"): 2, (FLAG, "", "ERROR"): 1, (FLAG, "", "DISABLED"): 1}


def test_a_flag_that_there_is_not_is_not_counted(ask: Ask) -> None:
    assert ask()[1] == Rollout(FLAG, None, "FLAG_NOT_FOUND")
    assert written() == {}


def test_a_flag_that_asks_for_it_keeps_who_got_the_model_that_answered(ask: Ask, project: Project) -> None:
    flag = make_flag(default_variant="next")
    Flag.objects.filter(pk=flag.pk).update(raw_exposures=True)
    ask("ada")
    ask("bob", headers={"HTTP_SEC_GPC": "1"})
    Model.objects.filter(model_id=NEXT).update(enabled=False)
    catalog.forget()
    assert ask("cleo")[1] == Rollout(FLAG, None, "MODEL_UNKNOWN")
    written()
    found = list(RawExposure.objects.values_list("flag", "variant", "unit"))
    assert found == [(FLAG, "next", identity(project.public_id, "ada"))]


# --- What the flag says ----------------------------------------------------------------------------------------


def test_the_variants_value_is_the_model_that_answers(ask: Ask) -> None:
    make_flag(default_variant="next")
    assert ask() == (NEXT, Rollout(FLAG, "next", "STATIC"))


def test_a_flag_that_is_off_with_a_value_is_obeyed(ask: Ask) -> None:
    make_flag(enabled=False, off_variant="next")
    assert ask() == (NEXT, Rollout(FLAG, "next", "DISABLED"))


def test_rules_see_who_calls(ask: Ask, project: Project) -> None:
    conditions = [
        {"attribute": "project", "operator": "in", "values": [project.public_id]},
        {"attribute": "model", "operator": "in", "values": ["chat"]},
        {"attribute": "sdk_version", "operator": "semver_gt", "values": ["2.0.0"]},
    ]
    make_flag(rules=[{"conditions": conditions, "variant": "next"}], default_variant="current")
    for version, answers in (("1.9.0", (PLAIN, "current", "DEFAULT")), ("2.0.1", (NEXT, "next", "TARGETING_MATCH"))):
        headers = {"HTTP_USER_AGENT": f"OpenAI/Python {version}"}
        model, rollout = ask(headers=headers)
        assert (model, rollout.variant, rollout.reason) == answers


def test_a_caller_gets_the_same_model_every_time_and_keeps_it_as_the_rollout_grows(ask: Ask) -> None:
    flag = make_flag(rules=split(10))
    people = [f"user-{at}" for at in range(40)]

    def with_next() -> set[str]:
        answers = {who: ask(who) for who in people}
        assert answers == {who: ask(who) for who in people}
        return {who for who, (model, rollout) in answers.items() if model == NEXT}

    grown: list[set[str]] = []
    for percent in (10, 50, 100):
        FlagState.objects.filter(flag=flag).update(rules=split(percent))
        grown.append(with_next())
    assert 0 < len(grown[0]) < len(grown[1]) < len(grown[2]) == 40
    assert grown[0] < grown[1] < grown[2]


async def test_of_ten_thousand_users_a_tenth_gets_the_next_model_within_three_standard_deviations(
    home: dict[str, str],
) -> None:
    await in_thread(make_flag, rules=split(10))
    found = [(await routed("chat", body={"user": f"user-{at}"}, **home))[0].model for at in range(10_000)]
    assert abs(found.count(NEXT) - 1000) <= 3 * sqrt(10_000 * 0.1 * 0.9)
    assert found.count(PLAIN) == 10_000 - found.count(NEXT)


def test_the_kill_switch_is_obeyed_by_the_next_request_of_this_process(ask: Ask) -> None:
    flag = make_flag(default_variant="next")
    for _ in range(3):
        assert ask() == (NEXT, Rollout(FLAG, "next", "STATIC"))
        FlagState.objects.filter(flag=flag).update(enabled=False)
        assert ask() == (PLAIN, Rollout(FLAG, None, "DISABLED"))
        FlagState.objects.filter(flag=flag).update(enabled=True)


def test_a_project_asks_the_flag_in_its_environment(ask: Ask, project: Project) -> None:
    flag = make_flag(default_variant="next")
    staging = Environment.objects.create(organization=project.organization, key="staging")
    FlagState.objects.create(flag=flag, environment=staging, enabled=True, default_variant="current")
    ProjectEnvironment.objects.create(project=project, environment=staging)
    assert ask() == (PLAIN, Rollout(FLAG, "current", "STATIC"))


# --- What else answers, and why --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"enabled": False}, "DISABLED"),
        ({"default_variant": ""}, "STATIC"),
        ({"rules": [{"conditions": [{"attribute": "role", "operator": "exists"}], "variant": "next"}]}, "DEFAULT"),
    ],
)
def test_where_the_flag_gives_no_value_the_alias_answers(ask: Ask, state: dict[str, Any], reason: str) -> None:
    make_flag(**state)
    assert ask() == (PLAIN, Rollout(FLAG, None, reason))


def test_where_there_is_no_such_flag_the_alias_answers(ask: Ask) -> None:
    assert ask() == (PLAIN, Rollout(FLAG, None, "FLAG_NOT_FOUND"))


def test_a_flag_that_is_archived_goes_on_and_one_that_is_deleted_is_not_there_any_more(ask: Ask) -> None:
    flag = make_flag(default_variant="next")
    Flag.objects.filter(pk=flag.pk).update(archived=True)
    assert ask() == (NEXT, Rollout(FLAG, "next", "STATIC"))
    models.QuerySet(Flag).filter(pk=flag.pk).delete()  # by nobody who asks whether it is needed
    assert ask() == (PLAIN, Rollout(FLAG, None, "FLAG_NOT_FOUND"))


def test_a_strangers_flag_of_the_same_key_has_no_effect(ask: Ask) -> None:
    stranger = Organization.objects.create(slug="elsewhere", name="Elsewhere")
    make_flag(organization=stranger, default_variant="next")
    assert ask() == (PLAIN, Rollout(FLAG, None, "FLAG_NOT_FOUND"))
    theirs = {"organization_id": stranger.public_id, "project_id": "proj_theirs"}
    assert ask(**theirs) == (NEXT, Rollout(FLAG, "next", "STATIC"))


def test_somebody_without_a_targeting_key_is_not_split(ask: Ask, project: Project) -> None:
    make_flag(rules=split(100))
    found = ask("", owner_id="", project_id=None)
    assert found == (PLAIN, Rollout(FLAG, None, "TARGETING_KEY_MISSING"))


def test_a_flag_that_was_damaged_from_outside_is_an_error_and_the_alias_answers(ask: Ask) -> None:
    flag = make_flag(default_variant="next")
    models.QuerySet(FlagState).filter(flag=flag).update(default_variant="nothing")
    FlagsVersion.bump()
    assert ask() == (PLAIN, Rollout(FLAG, None, "GENERAL"))


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_a_model_that_is_not_there_any_more_does_not_answer(ask: Ask, how: str) -> None:
    make_flag(default_variant="next")
    rows = Model.objects.filter(model_id=NEXT)
    rows.update(enabled=False) if how == "disabled" else rows.delete()
    catalog.forget()
    assert ask() == (PLAIN, Rollout(FLAG, None, "MODEL_UNKNOWN"))


@pytest.mark.parametrize("value", ["parrot", 7])
def test_what_is_no_models_id_does_not_answer(ask: Ask, value: object) -> None:
    Alias.objects.create(name="parrot", target=Model.objects.get(model_id=NEXT))
    flag = make_flag(default_variant="next")
    kind = "string" if isinstance(value, str) else "number"
    models.QuerySet(Flag).filter(pk=flag.pk).update(variants={"next": value}, kind=kind)
    FlagsVersion.bump()
    assert ask() == (PLAIN, Rollout(FLAG, None, "MODEL_UNKNOWN"))


@pytest.mark.parametrize("change", [{"vector_space": "other"}, {"vector_space": ""}, {"chat": False}])
def test_a_model_that_cannot_take_the_place_of_the_target_does_not_whatever_was_saved(
    ask: Ask, change: dict[str, Any]
) -> None:
    make_flag(default_variant="next")
    models.QuerySet(Model).filter(model_id=NEXT).update(**change)
    catalog.forget()
    assert ask() == (PLAIN, Rollout(FLAG, None, "MODEL_UNFIT"))


def test_models_that_do_not_embed_need_no_vector_space(ask: Ask) -> None:
    models.QuerySet(Model).update(vector_space="", embeddings=False)
    make_flag(default_variant="next")
    assert ask()[0] == NEXT


def test_a_model_without_a_vector_space_may_be_a_variant_beside_itself(ask: Ask) -> None:
    models.QuerySet(Model).update(vector_space="")
    make_flag({"current": PLAIN}, default_variant="current")
    assert ask() == (PLAIN, Rollout(FLAG, "current", "STATIC"))


@pytest.mark.parametrize(
    ("mode", "named", "answers"),
    [
        ("allow_list", ["chat"], (NEXT, "next", "STATIC")),
        ("allow_list", [PLAIN, NEXT], (NEXT, "next", "STATIC")),
        ("allow_list", [PLAIN], (PLAIN, None, "MODEL_NOT_PERMITTED")),
        ("deny_list", [NEXT], (PLAIN, None, "MODEL_NOT_PERMITTED")),
        ("deny_list", ["lukhas-chat-1"], (NEXT, "next", "STATIC")),
        ("allow_list", [NEXT], None),
        ("deny_list", ["chat"], None),
        ("deny_list", [PLAIN], None),
    ],
)
def test_the_model_that_answers_must_be_permitted_and_the_alias_as_ever(
    ask: Ask, project: Project, mode: str, named: list[str], answers: tuple[str, str | None, str] | None
) -> None:
    make_flag(default_variant="next")
    ModelPermissions.objects.create(project=project, mode=mode, model_ids=named)
    if answers is None:
        with pytest.raises(ModelNotFound):
            ask()
    else:
        model, variant, reason = answers
        assert ask() == (model, Rollout(FLAG, variant, reason))


def test_where_flags_could_never_be_read_the_alias_answers(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    make_flag(default_variant="next")

    def away() -> int:
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(FlagsVersion, "current", away)
    ruleset.watch.forget()
    assert ask() == (PLAIN, Rollout(FLAG, None, "FLAGS_UNREACHABLE"))


# --- What it costs ---------------------------------------------------------------------------------------------


async def test_a_decision_makes_no_sql(home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    await in_thread(make_flag, rules=split(50))
    await routed("chat", **home)
    monkeypatch.setattr(catalog, "MAX_AGE", 1000.0)
    real, asked = CursorWrapper.execute, list[str]()

    def execute(self: Any, *arguments: Any) -> Any:
        asked.append(threading.current_thread().name)
        return real(self, *arguments)

    monkeypatch.setattr(CursorWrapper, "execute", execute)
    for at in range(100):
        assert (await routed("chat", body={"user": str(at)}, **home))[1] is not None
    assert set(asked) <= {"flags-watch"}


def test_nothing_is_asked_for_a_name_that_is_not_rolled_out(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    Alias.objects.create(name="parrot", target=Model.objects.get(model_id=PLAIN))
    make_flag(default_variant="next")
    monkeypatch.setattr(rollouts, "ruleset", None)
    for name in (PLAIN, NEXT, "parrot"):
        assert ask(model=name) == (NEXT if name == NEXT else PLAIN, None)


def test_what_was_decided_does_not_change(ask: Ask) -> None:
    make_flag(default_variant="next")
    rollout = ask()[1]
    with pytest.raises(dataclasses.FrozenInstanceError):
        rollout.variant = "current"


def test_an_alias_that_a_models_id_hides_rolls_nothing_out(ask: Ask) -> None:
    make_flag(VARIANTS, default_variant="next")
    models.QuerySet(Alias).update(name=PLAIN)
    catalog.forget()
    assert ask(model=PLAIN) == (PLAIN, None)
