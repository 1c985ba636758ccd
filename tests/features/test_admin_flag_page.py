"""The page of a flag on the staff pages: the flag itself, how it is made, and its end."""

import re
from typing import Any

import pytest
from django.test import Client

from api.models import Alias, Model
from features.models import Environment, Flag, FlagState
from features.models.ruling import Unfit
from features.problems import Problem
from tests.features.conftest import MakeFlag
from tests.features.staff import As, as_role, counted, owner, path, posted, text, told

__all__ = ["as_role", "owner"]
pytestmark = pytest.mark.usefixtures("environment")


def fresh(flags: Any = None, **fields: Any) -> dict[str, Any]:
    return {
        "organization": flags, "key": "dark-mode", "kind": "boolean", "variants": "", "metadata": "", "tags": "",
        "algorithm": "flagd-v2", "salt": "", **fields,
    }  # fmt: skip


def errors(answer: Any) -> dict[str, list[str]]:
    return dict(answer.context["adminform"].form.errors)


def test_a_new_flag_is_there_in_production_and_off_and_leads_on_to_its_page(
    owner: Client, environment: Environment
) -> None:
    home = environment.organization.pk
    assert f'value="{home}" selected' in text(owner.get(path("flag", "add")))
    with counted("flag.created", "flag.state.created"):
        answer = owner.post(path("flag", "add"), fresh(home, tags="ui\nshop"))
    flag = Flag.objects.get()
    assert answer["Location"] == path("flag", flag.pk, "change")
    assert (flag.variants, flag.tags, flag.salt) == ({"on": True, "off": False}, ["ui", "shop"], "dark-mode")
    state = flag.states.get()
    assert (state.environment, state.enabled, state.default_variant, state.off_variant) == (
        environment,
        False,
        "on",
        "off",
    )


def test_a_new_flag_of_another_kind_begins_with_its_first_variant(owner: Client, environment: Environment) -> None:
    home = environment.organization.pk
    fields = fresh(home, key="colour", kind="string", variants='{"current": "blue", "next": "green"}')
    assert owner.post(path("flag", "add"), fields).status_code == 302
    state = FlagState.objects.get()
    assert (state.default_variant, state.off_variant) == ("current", "")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"kind": "string"}, {"variants": ["variants: must hold a variant"]}),
        ({"kind": "number", "variants": '{"a": "x"}'}, {"variants": ["variants.a: must be a number"]}),
        (
            {"variants": '{"a": tru}'},
            {"variants": ["It is not JSON: invalid literal, expected 'true', in line 1, column 7."]},
        ),
        ({"variants": "[" * 3000}, {"variants": ["It is not JSON"]}),
        ({"variants": '{"a":' * 40 + "1" + "}" * 40}, {"variants": ["It nests deeper than 32 levels."]}),
        ({"variants": '"' + "a" * 1_000_000 + '"'}, {"variants": ["It has more than 1000000 characters."]}),
        ({"variants": "[1]"}, {"variants": ["variants: must be an object"]}),
        ({"metadata": '{"a": [1]}'}, {"metadata": ["metadata.a"]}),
        ({"key": "a b"}, {"key": ["It must be 1 to 100 letters"]}),
        ({"organization": ""}, {"organization": ["This field is required."]}),
        ({"kind": "colour"}, {"kind": ["Select a valid choice."]}),
    ],
)
def test_what_is_wrong_with_a_new_flag_stands_at_its_field_and_nothing_is_made(
    owner: Client, environment: Environment, fields: dict[str, Any], wrong: dict[str, list[str]]
) -> None:
    with counted():
        answer = owner.post(path("flag", "add"), fresh(environment.organization.pk) | fields)
    assert answer.status_code == 200
    found = errors(answer)
    assert list(found) == list(wrong)
    for name, (message,) in wrong.items():
        assert message in found[name][0]
    assert not Flag.objects.exists()


def test_what_cannot_be_read_stays_as_it_was_typed(owner: Client, environment: Environment) -> None:
    answer = owner.post(path("flag", "add"), fresh(environment.organization.pk, variants='{"a": tru}'))
    assert re.search(r'>\s*{"a": tru}\s*</textarea>', text(answer))


def test_a_flag_is_changed_by_hand_but_for_its_key_and_its_organisation(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    page = text(owner.get(path("flag", flag.pk, "change")))
    assert '"off": false' in page
    with counted("flag.updated"):
        fields = posted(flag, description="Dark.", key="other", variants='{"on": true, "off": false, "x": true}')
        assert owner.post(path("flag", flag.pk, "change"), fields).status_code == 302
    flag.refresh_from_db()
    assert (flag.key, flag.description, set(flag.variants)) == ("dark-mode", "Dark.", {"on", "off", "x"})


def test_a_variant_that_a_state_answers_with_does_not_go(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    with counted():
        answer = owner.post(path("flag", flag.pk, "change"), posted(flag, variants='{"on": true}'))
    assert "environments.production.off_variant: off is no variant of this flag" in str(errors(answer))


def test_viewers_read_the_page_and_save_nothing(as_role: As, make_flag: MakeFlag) -> None:
    flag, viewer = make_flag("dark-mode"), as_role("viewer")
    page = text(viewer.get(path("flag", flag.pk, "change")))
    assert "Who gets what" in page
    assert "states-0-rollout" not in page
    assert viewer.post(path("flag", flag.pk, "change"), posted(flag, description="x")).status_code == 403


def test_what_was_changed_meanwhile_and_fits_no_longer_is_told_and_nothing_is_saved(
    owner: Client, make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = make_flag("dark-mode")

    def refuse(self: FlagState, *args: Any, **kwargs: Any) -> None:
        raise Unfit([(self, Problem(("rules", 0), "there is no segment beta"))])

    monkeypatch.setattr(FlagState, "save", refuse)
    with counted():
        fields = posted(flag, {"enabled": None}, description="Dark.")
        answer = owner.post(path("flag", flag.pk, "change"), fields, follow=True)
    assert told(answer) == [
        "Nothing was saved, for something was changed meanwhile: rules[0]: there is no segment beta"
    ]
    flag.refresh_from_db()
    assert flag.description == ""


def test_a_flag_is_deleted_with_its_states(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    with counted("flag.state.deleted", "flag.deleted"):
        assert owner.post(path("flag", flag.pk, "delete"), {"post": "yes"}).status_code == 302
    assert not Flag.objects.exists()


def test_looking_at_what_deleting_would_do_changes_nothing(owner: Client, make_flag: MakeFlag) -> None:
    flag = make_flag("dark-mode")
    with counted():
        assert owner.get(path("flag", flag.pk, "delete")).status_code == 200
    assert flag.states.count() == 1


def test_a_flag_that_rolls_out_an_alias_is_not_deleted_and_the_page_says_why(
    owner: Client, make_flag: MakeFlag
) -> None:
    target = Model.objects.get(model_id="lukhas-echo-1")
    flag = make_flag("picks", kind="string", variants={"a": "lukhas-echo-1"})
    Alias.objects.create(name="smart", target=target, rollout="picks")
    for answer in (
        owner.post(path("flag", flag.pk, "delete"), {"post": "yes"}),
        owner.post(path("flag"), {"action": "delete_selected", "_selected_action": [flag.pk], "post": "yes"}),
    ):
        assert answer.status_code == 200
        assert "picks rolls out the alias smart" in text(answer)
    assert Flag.objects.exists()


def test_flags_are_archived_together_and_answer_as_before(owner: Client, make_flag: MakeFlag) -> None:
    flags = [make_flag("a"), make_flag("b"), make_flag("c", archived=True)]
    with counted("flag.updated", "flag.updated"):
        fields = {"action": "archive_selected", "_selected_action": [flag.pk for flag in flags]}
        answer = owner.post(f"{path('flag')}?archived=all", fields, follow=True)
    assert told(answer) == ["Archived, and answering as before: 2."]
    assert not Flag.objects.live().exists()
    assert all(state.enabled for state in FlagState.objects.all())


def test_a_flag_that_is_not_there_has_no_pages(owner: Client) -> None:
    for part in ("change", "history"):
        assert owner.get(path("flag", 12345, part)).status_code == 302
    assert owner.get(path("flag", 12345, "preview")).status_code == 404
