"""A flag's states on its page: switches, variants, rules as JSON, and the slider of a rollout."""

import json
from typing import Any

import pytest
from django.test import Client

from features.models import Environment, Flag, FlagState
from tests.features.conftest import MakeFlag
from tests.features.staff import as_role, counted, owner, path, posted, text

__all__ = ["as_role", "owner"]
COLOURS = {"current": "blue", "next": "green"}
THREE = {**COLOURS, "third": "red"}


@pytest.fixture
def colour(make_flag: MakeFlag) -> Flag:
    return make_flag("colour", kind="string", variants=COLOURS, default_variant="current")


def save(client: Client, flag: Flag, *states: dict[str, Any], **fields: Any) -> Any:
    return client.post(path("flag", flag.pk, "change"), posted(flag, *states, **fields))


def errors(answer: Any, number: int = 0) -> dict[str, list[str]]:
    assert answer.status_code == 200
    return dict(answer.context["inline_admin_formsets"][0].formset.errors[number])


def shown(client: Client, flag: Flag, number: int = 0) -> tuple[Any, Any, Any]:
    """The variant and the share that the page shows, and the step of its slider."""
    form = client.get(path("flag", flag.pk, "change")).context["inline_admin_formsets"][0].formset.forms[number]
    return form["rollout"].value(), form["share"].value(), form.fields["share"].widget.attrs["step"]


def weights(state: FlagState) -> dict[str, int]:
    return {each["variant"]: each["weight"] for each in state.rules[-1]["split"]["weights"]}


# --- The slider ------------------------------------------------------------------------------------------------


def test_the_slider_rolls_a_variant_out_to_a_share_and_the_others_get_the_default_variant(
    owner: Client, colour: Flag
) -> None:
    assert shown(owner, colour) == ("", 0, "1")
    with counted("flag.state.updated"):
        assert save(owner, colour, {"rollout": "next", "share": "10"}).status_code == 302
    state = colour.states.get()
    assert weights(state) == {"next": 10_000, "current": 90_000}
    assert shown(owner, colour) == ("next", 10, "1")
    page = text(owner.get(path("flag", colour.pk, "change")))
    assert '<input type="range" name="states-0-share" value="10"' in page
    assert ">10 %</output>" in page


def test_moving_the_slider_moves_only_those_who_come_to_it_and_keeps_other_rules(owner: Client, colour: Flag) -> None:
    first = {"variant": "next", "conditions": [{"attribute": "team", "operator": "in", "values": ["us"]}]}
    split = {"weights": [{"variant": "next", "weight": 1}, {"variant": "current", "weight": 9}], "salt": "pepper"}
    colour.states.all().update(rules=[first, {"name": "slowly", "split": split}])
    assert shown(owner, colour) == ("next", 10, "1")
    assert save(owner, colour, {"rollout": "next", "share": "50"}).status_code == 302
    state = colour.states.get()
    assert [rule.get("name") for rule in state.rules] == [None, "slowly"]
    assert state.rules[1]["split"]["salt"] == "pepper"
    assert weights(state) == {"next": 50_000, "current": 50_000}


def test_saving_what_the_page_shows_leaves_a_finer_share_as_it_is(owner: Client, colour: Flag) -> None:
    state = colour.states.get()
    state.roll_out("next", 12_345, "current")
    state.save()
    name, share, step = shown(owner, colour)
    assert (name, str(share), step) == ("next", "12.345", "0.001")
    with counted():
        assert save(owner, colour, {"rollout": "next", "share": "12.345"}).status_code == 302
    with counted("flag.state.updated"):
        assert save(owner, colour, {"rollout": "next", "share": "12.346"}).status_code == 302
    assert weights(colour.states.get())["next"] == 12_346


def test_a_rollout_is_taken_away_with_its_rule(owner: Client, colour: Flag) -> None:
    save(owner, colour, {"rollout": "next", "share": "10"})
    with counted("flag.state.updated"):
        assert save(owner, colour, {"rollout": "", "share": "10"}).status_code == 302
    assert colour.states.get().rules == []


def test_the_sides_of_a_rollout_may_be_exchanged(owner: Client, colour: Flag) -> None:
    save(owner, colour, {"rollout": "next", "share": "10"})
    assert save(owner, colour, {"rollout": "current", "share": "10"}).status_code == 302
    assert weights(colour.states.get()) == {"next": 90_000, "current": 10_000}


def test_where_the_default_variant_comes_first_in_the_split_the_other_one_is_rolled_out(
    owner: Client, colour: Flag
) -> None:
    split = {"weights": [{"variant": "current", "weight": 3}, {"variant": "next", "weight": 1}]}
    colour.states.all().update(rules=[{"split": split}])
    assert shown(owner, colour) == ("next", 25, "1")


@pytest.mark.parametrize(
    "rule",
    [
        {"variant": "next"},
        {"split": {"weights": [{"variant": "next", "weight": 1}]}},
        {"split": {"weights": [{"variant": "next", "weight": 1}, {"variant": "next", "weight": 1}]}},
        {
            "split": {
                "weights": [
                    {"variant": "next", "weight": 1},
                    {"variant": "current", "weight": 1},
                    {"variant": "next", "weight": 1},
                ]
            }
        },
        {
            "split": {"weights": [{"variant": "next", "weight": 1}, {"variant": "current", "weight": 1}]},
            "until": "2030-01-01T00:00:00+00:00",
        },
    ],
)
def test_what_is_no_split_of_everybody_between_two_variants_is_no_rollout(
    owner: Client, colour: Flag, rule: dict[str, Any]
) -> None:
    colour.states.all().update(rules=[rule])
    assert shown(owner, colour) == ("", 0, "1")


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"rollout": "next", "share": "10", "rules": '[{"variant": "next"}]'}, {"share": "not both at once"}),
        ({"rollout": "next", "share": "10", "rules": "[7]"}, {"rules": "rules[0]: must be an object"}),
        ({"rollout": "", "share": "10"}, {"rollout": "Which variant is rolled out?"}),
        ({"rollout": "next", "share": "101"}, {"share": "less than or equal to 100"}),
        ({"rollout": "next", "share": "-1"}, {"share": "greater than or equal to 0"}),
        ({"rollout": "next", "share": "1.2345"}, {"share": "no more than 3 decimal places"}),
        ({"rollout": "next", "share": "NaN"}, {"share": "Enter a number."}),
        ({"rollout": "next", "share": "half"}, {"share": "Enter a number."}),
        ({"rollout": "gone", "share": "5"}, {"rollout": "Select a valid choice."}),
        ({"rules": '[{"variant": "gone"}]'}, {"rules": "rules[0].variant: gone is no variant of this flag"}),
        ({"rules": '[\n  {"variant": next}]'}, {"rules": "in line 2, column 15."}),
        ({"rules": '{"variant": "next"}'}, {"rules": "must be a list"}),
        ({"rules": "[7]"}, {"rules": "rules[0]: must be an object"}),
        ({"rules": '[{"segment": "x"}]'}, {"rules": "rules[0].segment: is not known here"}),
        (
            {"rules": '[{"variant": "next", "conditions": [{"attribute": "a", "operator": "like", "values": [1]}]}]'},
            {"rules": "rules[0].conditions[0].operator"},
        ),
        (
            {"rules": '[{"variant": "next", "conditions": [{"segment": "beta"}]}]'},
            {"rules": "rules[0].conditions: there is no segment beta"},
        ),
        ({"prerequisites": '[{"flag": "x", "variants": ["on"]}]'}, {"prerequisites": "there is no flag x"}),
        ({"off_variant": "gone"}, {"off_variant": "Select a valid choice."}),
        ({"environment": "12345"}, {"environment": "Select a valid choice."}),
    ],
)
def test_what_is_wrong_with_a_state_stands_at_its_field_with_its_place_and_nothing_is_saved(
    owner: Client, colour: Flag, given: dict[str, Any], wrong: dict[str, str]
) -> None:
    before = colour.states.get().to_data()
    with counted():
        found = errors(save(owner, colour, given, description="Changed."))
    assert list(found) == list(wrong)
    for name, message in wrong.items():
        assert message in " ".join(found[name])
    assert colour.states.get().to_data() == before


def test_rules_and_a_slider_that_say_the_same_are_no_quarrel(owner: Client, colour: Flag) -> None:
    rule = {"split": {"weights": [{"variant": "next", "weight": 1}, {"variant": "current", "weight": 9}]}}
    given = {"rollout": "next", "share": "10", "rules": json.dumps([{"name": "typed", **rule}])}
    assert save(owner, colour, given).status_code == 302
    assert colour.states.get().rules[0]["name"] == "typed"


def test_of_more_than_two_variants_the_others_need_a_default_variant(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("colour", kind="string", variants=THREE)
    found = errors(save(owner, flag, {"rollout": "next", "share": "10"}))
    assert found == {"default_variant": ["Choose the default variant, which the others get."]}
    assert save(owner, flag, {"rollout": "next", "share": "10", "default_variant": "third"}).status_code == 302
    assert weights(flag.states.get()) == {"next": 10_000, "third": 90_000}


def test_of_two_variants_the_others_get_the_other_one_without_a_default_variant(
    owner: Client, make_flag: MakeFlag
) -> None:
    flag = make_flag("colour", kind="string", variants=COLOURS)
    assert save(owner, flag, {"rollout": "next", "share": "100"}).status_code == 302
    assert weights(flag.states.get()) == {"next": 100_000, "current": 0}


def test_an_emptied_slider_is_nobody(owner: Client, colour: Flag) -> None:
    assert save(owner, colour, {"rollout": "next", "share": ""}).status_code == 302
    assert weights(colour.states.get()) == {"next": 0, "current": 100_000}


# --- The rest of a state ---------------------------------------------------------------------------------------


def test_rules_are_changed_as_json(owner: Client, colour: Flag) -> None:
    rules = '[{"name": "us", "variant": "next", "conditions": [{"attribute": "team", "operator": "exists"}]}]'
    with counted("flag.state.updated"):
        assert save(owner, colour, {"rules": rules, "enabled": None}).status_code == 302
    state = colour.states.get()
    assert (state.enabled, state.rules[0]["name"]) == (False, "us")
    assert '"name": "us"' in text(owner.get(path("flag", colour.pk, "change")))
    with counted("flag.state.updated"):
        assert save(owner, colour, {"rules": ""}).status_code == 302
    assert colour.states.get().rules == []


def test_an_environment_in_which_the_flag_has_no_state_has_a_form_and_a_state_once_that_is_filled_in(
    owner: Client, make_flag: MakeFlag, environment: Environment
) -> None:
    flag = make_flag("dark-mode")
    Environment.objects.create(organization=environment.organization, key="staging")
    assert shown(owner, flag, 1) == ("", 0, "1")
    with counted():
        assert save(owner, flag).status_code == 302
    with counted("flag.state.created"):
        assert save(owner, flag, {}, {"enabled": "on"}).status_code == 302
    state = flag.states.get(environment__key="staging")
    assert (state.enabled, state.default_variant, state.off_variant) == (True, "on", "off")


def test_a_variant_is_added_and_rolled_out_at_once(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode", off_variant="", default_variant="on")
    with counted("flag.updated", "flag.state.updated"):
        variants = '{"on": true, "off": false, "odd": true}'
        answer = save(owner, flag, {"rollout": "odd", "share": "1"}, variants=variants)
        assert answer.status_code == 302, answer.context["errors"]
    assert weights(flag.states.get()) == {"odd": 1_000, "on": 99_000}


def test_with_variants_that_cannot_be_read_the_states_offer_none(owner: Client, colour: Flag) -> None:
    answer = save(owner, colour, variants="[]")
    assert answer.status_code == 200
    form = answer.context["inline_admin_formsets"][0].formset.forms[0]
    assert list(form.fields["rollout"].choices) == [("", "No rollout")]


def test_protected_environments_are_changed_by_those_who_have_the_role(owner: Client, colour: Flag) -> None:
    Environment.objects.filter(key="production").update(protected=True)
    assert save(owner, colour, {"rollout": "next", "share": "10"}).status_code == 302
    assert weights(colour.states.get())["next"] == 10_000
