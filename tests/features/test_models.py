"""Flags, states, segments and environments as rows: what may stand in the database, and what must not."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, models, transaction

from accounts.models import Organization, Project
from features.definitions import FlagDefinition, InSegment, Invalid, Rule
from features.models import Environment, Flag, FlagState, ProjectEnvironment, Segment
from features.models.fitting import named_segments
from tests.features.conftest import BOOLEAN, MakeFlag

INTERNAL: list[dict[str, Any]] = [{"attribute": "email", "operator": "ends_with", "values": ["@example.com"]}]
SPLIT = {"weights": [{"variant": "on", "weight": 1}, {"variant": "off", "weight": 3}]}


def messages(caught: "pytest.ExceptionInfo[ValidationError]") -> dict[str, list[str]]:
    return caught.value.message_dict


def raw(model: type[models.Model], **fields: Any) -> None:
    """Puts a row into the table as nobody should: past all checks but those of the database."""
    with transaction.atomic():
        models.QuerySet(model).bulk_create([model(**fields)])


# --- Environments ----------------------------------------------------------------------------------------------


def test_every_project_is_in_production_until_it_is_put_elsewhere(project: Project, organization: Organization) -> None:
    production = Environment.objects.of_project(project)
    assert (production.key, str(production), production.organization) == ("production", "production", organization)
    assert Environment.objects.of_project(project) == production
    staging = Environment.objects.create(organization=organization, key="staging")
    row = ProjectEnvironment.objects.create(project=project, environment=staging)
    assert Environment.objects.of_project(project) == staging
    assert str(row) == "Default project: staging"


def test_a_project_is_in_an_environment_of_its_own_organisation(project: Project, stranger: Organization) -> None:
    elsewhere = Environment.objects.production(stranger)
    with pytest.raises(ValidationError) as caught:
        ProjectEnvironment.objects.create(project=project, environment=elsewhere)
    assert messages(caught) == {"environment": ["environment: is of another organisation than the project"]}
    with pytest.raises(ValidationError) as caught:
        ProjectEnvironment().full_clean()
    assert set(messages(caught)) == {"project", "environment"}


def test_an_environment_is_once_in_an_organisation(environment: Environment, stranger: Organization) -> None:
    Environment.objects.create(organization=stranger, key="production")
    with pytest.raises(IntegrityError), transaction.atomic():
        Environment.objects.create(organization=environment.organization, key="production")


def test_an_environment_that_projects_are_in_cannot_be_deleted(environment: Environment, project: Project) -> None:
    ProjectEnvironment.objects.create(project=project, environment=environment)
    with pytest.raises(models.ProtectedError):
        environment.delete()
    ProjectEnvironment.objects.all().delete()
    environment.delete()
    assert not Environment.objects.exists()


# --- Keys ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "a b", "ü", "a/b", "x" * 101, "a\n"])
def test_a_key_is_letters_digits_dots_hyphens_and_underscores(
    environment: Environment, make_flag: MakeFlag, key: str
) -> None:
    organization = environment.organization
    for make in (
        lambda: make_flag(key),
        lambda: Environment.objects.create(organization=organization, key=key),
        lambda: Segment.objects.create(organization=organization, key=key),
    ):
        with pytest.raises(ValidationError, match="must be 1 to 100 letters, digits, dots, hyphens or underscores"):
            make()
    with pytest.raises(ValidationError):
        Segment(organization=organization, key=key).full_clean()
    if len(key) <= 100:  # what is longer, SQLite keeps to the pattern, and PostgreSQL to the column
        for model, more in ((Environment, {}), (Segment, {}), (Flag, {"variants": BOOLEAN, "salt": "s"})):
            with pytest.raises(IntegrityError):
                raw(model, organization=organization, key=key, **more)


# --- Flags -----------------------------------------------------------------------------------------------------


def test_a_flag_and_its_states_are_a_definition(environment: Environment, make_flag: MakeFlag) -> None:
    staging = Environment.objects.create(organization=environment.organization, key="staging")
    flag = make_flag(
        "theme",
        kind="string",
        variants={"light": "day", "dark": "night"},
        default_variant="light",
        description="How it looks.",
        owner="design",
        ticket="UI-1",
        tags=["ui"],
        permanent=True,
        metadata={"team": "web"},
        rules=[{"variant": "dark", "conditions": [{"attribute": "plan", "operator": "in", "values": ["pro"]}]}],
    )
    FlagState.objects.create(flag=flag, environment=staging, off_variant="dark")
    definition = flag.definition()
    assert FlagDefinition.from_data(definition.to_data()) == definition
    assert (definition.salt, definition.algorithm, definition.tags) == ("theme", "flagd-v2", ("ui",))
    production, other = definition.environments["production"], definition.environments["staging"]
    assert (production.enabled, production.default_variant, production.off_variant) == (True, "light", None)
    assert [rule.variant for rule in production.rules] == ["dark"]
    assert (other.enabled, other.off_variant, other.rules) == (False, "dark", ())
    assert str(flag.states.get(environment=staging)) == "theme in staging"


def test_a_flag_keeps_its_salt_when_its_key_changes(make_flag: MakeFlag) -> None:
    flag = make_flag("old")
    flag.key = "new"
    flag.save()
    assert Flag.objects.get().salt == "old"


def test_a_flag_without_a_state_is_off_there(environment: Environment, make_flag: MakeFlag) -> None:
    flag = make_flag()
    assert flag.state_in(environment).enabled
    staging = Environment.objects.create(organization=environment.organization, key="staging")
    state = flag.state_in(staging)
    assert (state.pk, state.enabled, state.rules) == (None, False, [])


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"kind": "colour"}, "kind", "kind: must be one of boolean, string, number, object"),
        ({"variants": {}}, "variants", "variants: must hold a variant"),
        ({"variants": {"on": 1}}, "variants", "variants.on: must be a boolean"),
        ({"variants": {"o n": True}}, "variants", "variants.o n: the name must be 1 to 100 letters"),
        ({"variants": [True]}, "variants", "variants: must be an object"),
        ({"tags": "ui"}, "tags", "tags: must be a list"),
        ({"tags": [""]}, "tags", "tags[0]: must be a text that is not empty"),
        ({"algorithm": "dice"}, "algorithm", "algorithm: must be one of flagd-v2"),
        ({"metadata": {"team": ["web"]}}, "metadata", "metadata.team: must be a text, a number, true or false"),
        ({"description": "x" * 2001}, "description", "description: has more than 2000 characters"),
        ({"owner": "\x00"}, "owner", "owner: has a character that cannot be stored"),
    ],
)
def test_a_flag_that_its_definition_refuses_is_not_kept(
    make_flag: MakeFlag, fields: dict[str, Any], field: str, told: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        make_flag(**fields)
    assert messages(caught)[field][0].startswith(told)
    assert not Flag.objects.exists()
    flag = make_flag()
    for name, value in fields.items():
        setattr(flag, name, value)
    with pytest.raises(ValidationError) as caught:
        flag.clean()
    assert messages(caught)[field][0].startswith(told)
    with pytest.raises((ValidationError, DatabaseError)):
        Flag.objects.update(**fields)
    assert Flag.objects.get().to_data() == make_flag("other").to_data() | {"key": "dark-mode", "salt": "dark-mode"}


@pytest.mark.parametrize("fields", [{"kind": "colour"}, {"algorithm": "dice"}, {"salt": ""}, {"variants": {}}])
def test_the_database_itself_refuses_what_it_can_tell(organization: Organization, fields: dict[str, Any]) -> None:
    good = {"organization": organization, "kind": "boolean", "variants": BOOLEAN, "salt": "s", "key": "k"}
    raw(Flag, **good)
    with pytest.raises(IntegrityError):
        raw(Flag, **{**good, "key": "other", **fields})
    with pytest.raises(IntegrityError):
        raw(Flag, **good)
    with pytest.raises(IntegrityError):
        raw(Flag, **{**good, "key": "other", "organization": None})


def test_a_variant_that_is_in_use_cannot_be_taken_away(make_flag: MakeFlag) -> None:
    flag = make_flag(rules=[{"split": SPLIT}])
    flag.variants = {"off": False}
    with pytest.raises(ValidationError) as caught:
        flag.save()
    assert messages(caught) == {
        "__all__": [
            "environments.production.default_variant: on is no variant of this flag",
            "environments.production.rules[0].split.weights[0].variant: on is no variant of this flag",
        ]
    }
    assert Flag.objects.get().variants == BOOLEAN


# --- States ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"default_variant": "blue"}, "default_variant", "default_variant: blue is no variant of this flag"),
        ({"off_variant": "a b"}, "off_variant", "off_variant: must be 1 to 100 letters"),
        ({"rules": {}}, "rules", "rules: must be a list"),
        ({"rules": [{"variant": "on", "split": SPLIT}]}, "rules", "rules[0]: must answer with a variant or a split"),
        (
            {"rules": [{"split": {"weights": [{"variant": "on", "weight": -1}]}}]},
            "rules",
            "rules[0].split.weights[0].weight: must be a whole number from 0 to",
        ),
        ({"rules": [{"variant": "on"}, {"variant": "blue"}]}, "rules", "rules[1].variant: blue is no variant"),
        (
            {"rules": [{"variant": "on", "conditions": [{"segment": "staff"}]}]},
            "rules",
            "rules[0].conditions: there is no segment staff",
        ),
        (
            {"rules": [{"variant": "on", "conditions": [{"attribute": "a", "operator": "regex", "values": ["("]}]}]},
            "rules",
            "rules[0].conditions[0].values[0]:",
        ),
        ({"prerequisites": [{"flag": "b"}]}, "prerequisites", "prerequisites[0].variants: is missing"),
        (
            {"prerequisites": [{"flag": "none", "variants": ["on"]}]},
            "prerequisites",
            "prerequisites[0]: there is no flag none",
        ),
        (
            {"prerequisites": [{"flag": "dark-mode", "variants": ["on"]}]},
            "prerequisites",
            "prerequisites[0].flag: a flag cannot be its own prerequisite",
        ),
    ],
)
def test_a_state_that_the_definition_refuses_is_not_kept(
    make_flag: MakeFlag, fields: dict[str, Any], field: str, told: str
) -> None:
    flag = make_flag()
    state = flag.states.get()
    before = state.to_data()
    for name, value in fields.items():
        setattr(state, name, value)
    for attempt in (state.clean, state.save):
        with pytest.raises(ValidationError) as caught:
            attempt()
        assert messages(caught)[field][0].startswith(told)
    with pytest.raises((ValidationError, DatabaseError)):
        FlagState.objects.update(**fields)
    assert flag.states.get().to_data() == before


def test_several_problems_are_told_at_once(make_flag: MakeFlag) -> None:
    state = make_flag().states.get()
    state.default_variant, state.rules = "red", [{"variant": "blue"}, {"variant": "green"}]
    with pytest.raises(ValidationError) as caught:
        state.save()
    assert {field: len(found) for field, found in messages(caught).items()} == {"default_variant": 1, "rules": 2}


def test_rules_are_kept_in_their_normal_form(make_flag: MakeFlag) -> None:
    flag = make_flag(
        rules=[{"name": "", "split": {**SPLIT, "attribute": None}, "from": "2026-01-31T12:00:00Z", "until": None}]
    )
    weights = [{"variant": "on", "weight": 1}, {"variant": "off", "weight": 3}]
    assert flag.states.get().rules == [{"split": {"weights": weights, "total": 4}, "from": "2026-01-31T12:00:00+00:00"}]


def test_a_flag_has_one_state_in_an_environment_of_its_own_organisation(
    environment: Environment, make_flag: MakeFlag, stranger: Organization
) -> None:
    flag = make_flag()
    with pytest.raises(IntegrityError), transaction.atomic():
        FlagState.objects.create(flag=flag, environment=environment)
    with pytest.raises(ValidationError) as caught:
        FlagState.objects.create(flag=flag, environment=Environment.objects.production(stranger))
    assert messages(caught) == {"environment": ["environment: is of another organisation than the flag"]}
    with pytest.raises(ValidationError) as caught:
        FlagState().full_clean()
    assert set(messages(caught)) == {"flag", "environment"}
    with pytest.raises(IntegrityError):
        raw(
            FlagState,
            flag=flag,
            environment=Environment.objects.create(organization=flag.organization, key="b"),
            off_variant="a b",
        )


def test_a_flag_takes_its_states_along(make_flag: MakeFlag) -> None:
    make_flag().delete()
    assert not FlagState.objects.exists()


# --- Segments --------------------------------------------------------------------------------------------------


def test_a_segment_is_a_definition_that_rules_name(environment: Environment, make_flag: MakeFlag) -> None:
    segment = Segment.objects.create(organization=environment.organization, key="staff", conditions=INTERNAL)
    assert segment.definition().to_data() == {"key": "staff", "conditions": INTERNAL}
    assert str(segment) == "staff"
    flag = make_flag(rules=[{"variant": "on", "conditions": [{"segment": "staff"}]}])
    assert flag.definition().environments["production"].rules == (Rule((InSegment("staff"),), variant="on"),)


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        ({}, "conditions: must be a list"),
        ([{"attribute": "a", "operator": "in", "values": [None]}], "conditions[0].values[0]: must be a text"),
        ([{"segment": "other"}], "conditions[0].segment: a segment cannot name another segment"),
    ],
)
def test_a_segment_that_its_definition_refuses_is_not_kept(
    organization: Organization, conditions: Any, told: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Segment.objects.create(organization=organization, key="staff", conditions=conditions)
    assert messages(caught)["conditions"][0].startswith(told)
    with pytest.raises(Invalid):
        Segment(organization=organization, key="staff", conditions=conditions).definition()
    assert not Segment.objects.exists()


def test_a_segment_that_rules_name_can_neither_go_nor_change_its_key(
    environment: Environment, make_flag: MakeFlag
) -> None:
    organization = environment.organization
    segment = Segment.objects.create(organization=organization, key="staff", conditions=INTERNAL)
    make_flag(rules=[{"variant": "on", "conditions": [{"any_of": [[{"segment": "staff"}]]}]}])
    told = "dark-mode names the segment staff in production"
    for attempt in (
        segment.delete,
        Segment.objects.all().delete,
        lambda: Segment.objects.update(key="crew"),
        lambda: Segment(pk=segment.pk, organization=organization, key="crew", conditions=INTERNAL).save(),
    ):
        with pytest.raises(ValidationError) as caught:
            attempt()
        assert messages(caught) == {"__all__": [told]}
    assert Segment.objects.get().key == "staff"
    FlagState.objects.update(rules=[])
    assert Segment.objects.update(key="crew") == 1
    assert Segment.objects.all().delete()[0] == 1


def test_segments_are_found_wherever_rules_name_them() -> None:
    rules = [{"conditions": [{"any_of": [[{"segment": "a"}], [{"any_of": [[{"segment": "b"}]]}]]}]}, {"segment": 1}]
    assert named_segments(rules) == ["a", "b"]


def test_another_organisations_segment_is_none(stranger: Organization, make_flag: MakeFlag) -> None:
    Segment.objects.create(organization=stranger, key="staff", conditions=INTERNAL)
    with pytest.raises(ValidationError, match="there is no segment staff"):
        make_flag(rules=[{"variant": "on", "conditions": [{"segment": "staff"}]}])


# --- Prerequisites ---------------------------------------------------------------------------------------------


def needs(*keys: str) -> list[dict[str, Any]]:
    return [{"flag": key, "variants": ["on"]} for key in keys]


def test_prerequisites_in_a_circle_are_refused(make_flag: MakeFlag) -> None:
    flags = {"a": make_flag("a"), "b": make_flag("b", prerequisites=needs("a"))}
    make_flag("c", prerequisites=needs("b"))
    state = flags["a"].states.get()
    state.prerequisites = needs("c")
    for attempt in (state.save, state.clean):
        with pytest.raises(ValidationError) as caught:
            attempt()
        assert messages(caught) == {"prerequisites": ["prerequisites: they form a circle: a → c → b → a"]}
    assert flags["a"].states.get().prerequisites == []


def test_states_that_form_a_circle_only_together_are_refused(environment: Environment, make_flag: MakeFlag) -> None:
    staging = Environment.objects.create(organization=environment.organization, key="staging")
    both = [make_flag("a"), make_flag("b")]
    states = [
        FlagState(flag=flag, environment=staging, prerequisites=needs(other.key))
        for flag, other in zip(both, reversed(both), strict=True)
    ]
    with pytest.raises(ValidationError, match="circle"):
        FlagState.objects.bulk_create(states)
    assert not staging.states.exists()
    states[0].prerequisites = []
    assert len(FlagState.objects.bulk_create(states)) == 2
    with pytest.raises(ValidationError, match="circle"):
        FlagState.objects.filter(flag__key="a").update(prerequisites=needs("b"))


def test_prerequisites_stand_behind_each_other_only_so_deep(make_flag: MakeFlag) -> None:
    make_flag("f0")
    for number in range(1, 9):
        make_flag(f"f{number}", prerequisites=needs(f"f{number - 1}"))
    with pytest.raises(ValidationError, match="more than 8 prerequisites would stand behind each other"):
        make_flag("f9", prerequisites=needs("f8"))
    bottom = Flag.objects.get(key="f0").states.get()
    make_flag("below")
    bottom.prerequisites = needs("below")
    with pytest.raises(ValidationError, match="more than 8"):
        bottom.save()
    make_flag("apart", prerequisites=needs("f7"))


def test_a_flag_that_others_need_stays_as_they_need_it(make_flag: MakeFlag) -> None:
    needed = make_flag("needed")
    make_flag("needy", prerequisites=needs("needed"))
    gone = "needy needs it in production: there is no flag needed"
    changes: list[tuple[Any, str]] = [
        (needed.delete, gone),
        (Flag.objects.filter(key="needed").delete, gone),
        (lambda: Flag.objects.filter(key="needed").update(key="other"), gone),
    ]
    for fields, told in (
        ({"key": "other"}, gone),
        ({"variants": {"off": False, "yes": True}}, "needy needs it in production: needed has no variant on"),
    ):
        needed = Flag.objects.get(key="needed")
        FlagState.objects.filter(flag=needed).update(default_variant="off")
        for name, value in fields.items():
            setattr(needed, name, value)
        changes += [(needed.save, told), (needed.clean, told)]
    for attempt, told in changes:
        with pytest.raises(ValidationError) as caught:
            attempt()
        assert messages(caught) == {"__all__": [told]}
    Flag.objects.filter(key="needed").update(archived=True)
    assert not Flag.objects.live().filter(key="needed").exists()
    Flag.objects.all().delete()


def test_a_prerequisite_names_variants_that_there_are(make_flag: MakeFlag) -> None:
    make_flag("colour", kind="string", variants={"red": "r"}, default_variant="red")
    with pytest.raises(ValidationError, match="colour has no variant on"):
        make_flag("a", prerequisites=needs("colour"))
    make_flag("b", prerequisites=[{"flag": "colour", "variants": ["red"]}])


def test_what_was_damaged_from_outside_can_still_be_switched_off(make_flag: MakeFlag) -> None:
    flag = make_flag()
    models.QuerySet(FlagState).filter(flag=flag).update(prerequisites="nonsense")
    with pytest.raises(ValidationError, match="must be a list"):
        FlagState.objects.update(enabled=False)
    assert FlagState.objects.update(enabled=False, prerequisites=[]) == 1
    assert make_flag("sound").states.get().enabled


def test_a_flag_that_was_damaged_from_outside_can_still_be_switched_off(make_flag: MakeFlag) -> None:
    flag = make_flag()
    models.QuerySet(Flag).update(variants={"on": "yes", "off": "no"})
    assert FlagState.objects.update(enabled=False) == 1
    with pytest.raises(ValidationError, match="must be a boolean"):
        Flag.objects.get(pk=flag.pk).save()
