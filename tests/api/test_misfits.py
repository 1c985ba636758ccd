"""What may be rolled out: refused when the alias, the flag or a model is saved, whichever comes last."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models, transaction
from pytest_django import DjangoAssertNumQueries

from accounts.models import Organization
from api import misfits
from api.models import Alias, Model, Upstream
from features.demands import demands
from features.models import Flag
from tests.api.rollouts import FLAG, VARIANTS, make_flag

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def one() -> Model:
    return Model.objects.get(model_id="lukhas-echo-1")


@pytest.fixture
def other() -> Model:
    """As `one`, but of no vector space."""
    return Model.objects.create(model_id="lukhas-echo-2", upstream=Upstream.objects.get(kind="echo"))


def only(model: Model, *capabilities: str) -> None:
    """Has the model answer these endpoints, whatever rests on it."""
    fields = {name: name in capabilities for name in ("chat", "completions", "embeddings", "moderations")}
    models.QuerySet(Model).filter(pk=model.pk).update(**fields)
    model.refresh_from_db()


def refused(save: Callable[[], Any]) -> dict[str, list[str]]:
    """What is told by field, once it is sure that nothing changed."""
    before = [list(model.objects.order_by("pk").values()) for model in (Alias, Model, Flag)]
    with pytest.raises(ValidationError) as caught:
        save()
    assert before == [list(model.objects.order_by("pk").values()) for model in (Alias, Model, Flag)]
    return caught.value.message_dict


SPACE = "must declare the same vector space as lukhas-echo-1, for both answer embeddings"
WHAT_THEY_ANSWER = "lukhas-chat-1 answers chat, completions, lukhas-echo-1 chat, completions, embeddings"
TOLD = f"chat rolls out with the flag {FLAG} of default, whose variant next"


@pytest.mark.parametrize("spaces", [("", ""), ("echo", ""), ("", "echo"), ("echo", "other")])
def test_models_that_embed_in_different_spaces_are_refused_when_the_alias_is_saved(
    one: Model, other: Model, spaces: tuple[str, str]
) -> None:
    for model, space in zip((one, other), spaces, strict=True):
        model.vector_space = space
        model.save()
    make_flag()
    told = {"rollout": [f"{TOLD} {SPACE}."]}
    assert refused(lambda: Alias.objects.create(name="chat", target=one, rollout=FLAG)) == told
    assert refused(lambda: Alias(name="chat", target=one, rollout=FLAG).full_clean()) == told


def test_models_that_embed_in_different_spaces_are_refused_when_the_flag_is_saved(one: Model, other: Model) -> None:
    Alias.objects.create(name="chat", target=one, rollout=FLAG)
    told = {"variants": [f"variants.next: {SPACE}: the alias chat rolls out with this flag"]}
    assert refused(make_flag) == told
    flag = make_flag({"current": "lukhas-echo-1"})
    flag.variants = VARIANTS
    assert refused(flag.save) == told
    assert refused(flag.full_clean) == told
    assert refused(lambda: Flag.objects.filter(pk=flag.pk).update(variants=VARIANTS)) == told


def test_models_of_one_space_may_stand_in_for_each_other(one: Model, other: Model) -> None:
    other.vector_space = one.vector_space
    other.save()
    Alias.objects.create(name="first", target=one, rollout=FLAG)
    make_flag()
    Alias.objects.create(name="second", target=other, rollout=FLAG)


def test_models_that_do_not_embed_need_no_space(one: Model, other: Model) -> None:
    for model in (one, other):
        only(model, "chat", "completions")
    make_flag()
    Alias.objects.create(name="chat", target=one, rollout=FLAG)


def test_a_model_without_a_space_may_stand_in_for_itself(one: Model) -> None:
    Model.objects.update(vector_space="")
    Alias.objects.create(name="chat", target=one, rollout=FLAG)
    make_flag({"same": "lukhas-echo-1"})


@pytest.mark.parametrize(
    ("value", "kind", "why"),
    [
        ("gpt-99", "string", "must be the id of a model in the catalogue"),
        ("parrot", "string", "must be the id of a model in the catalogue"),  # an alias is none
        (True, "boolean", "must be the id of a model in the catalogue"),
        ({"model": "lukhas-echo-1"}, "object", "must be the id of a model in the catalogue"),
        ("lukhas-chat-1", "string", f"must answer the same endpoints as lukhas-echo-1: {WHAT_THEY_ANSWER}"),
    ],
)
def test_a_variant_is_a_model_that_answers_the_same_endpoints(one: Model, value: Any, kind: str, why: str) -> None:
    Alias.objects.create(name="parrot", target=one)
    flag = make_flag({"next": value}, kind=kind)
    told = {"rollout": [f"{TOLD} {why}."]}
    assert refused(lambda: Alias.objects.create(name="chat", target=one, rollout=FLAG)) == told
    flag.delete()
    Alias.objects.create(name="chat", target=one, rollout=FLAG)
    told = {"variants": [f"variants.next: {why}: the alias chat rolls out with this flag"]}
    assert refused(lambda: make_flag({"next": value}, kind=kind)) == told


def test_a_flag_that_an_alias_rolls_out_with_is_not_deleted(one: Model) -> None:
    same = {"next": one.model_id}
    flag, unused = make_flag(same), make_flag(same, key="unused")
    alias = Alias.objects.create(name="chat", target=one, rollout=FLAG)
    told = {NON_FIELD_ERRORS: [f"{FLAG} rolls out the alias chat"]}
    assert refused(flag.delete) == told
    assert refused(Flag.objects.all().delete) == told
    assert Flag.objects.count() == 2
    unused.delete()
    alias.delete()
    flag.delete()
    assert not Flag.objects.exists()


def test_a_model_that_answers_nothing_is_told_so(one: Model, other: Model) -> None:
    only(other)
    Alias.objects.create(name="chat", target=one, rollout=FLAG)
    assert "lukhas-echo-2 answers none," in str(refused(make_flag))


def test_every_organisations_flag_of_that_key_is_meant(one: Model, other: Model) -> None:
    stranger = Organization.objects.create(slug="elsewhere", name="Elsewhere")
    make_flag(organization=stranger)
    told = refused(lambda: Alias.objects.create(name="chat", target=one, rollout=FLAG))
    assert f"the flag {FLAG} of elsewhere" in str(told)


def test_a_disabled_model_may_be_prepared_for(one: Model, other: Model) -> None:
    Model.objects.filter(pk=other.pk).update(vector_space=one.vector_space, enabled=False)
    Alias.objects.create(name="chat", target=one, rollout=FLAG)
    make_flag()


def test_flags_of_other_keys_and_aliases_without_a_rollout_are_nobodys_business(one: Model) -> None:
    Alias.objects.create(name="plain", target=one)
    Alias.objects.create(name="chat", target=one, rollout=FLAG)
    make_flag({"on": True}, key="dark-mode", kind="boolean")


def test_an_archived_flag_answers_as_before_and_so_must_fit(one: Model) -> None:
    make_flag({"on": True}, kind="boolean", archived=True)
    assert FLAG in str(refused(lambda: Alias.objects.create(name="chat", target=one, rollout=FLAG)))


def test_a_flag_whose_variants_are_none_is_told_only_that(one: Model) -> None:
    Alias.objects.create(name="chat", target=one, rollout=FLAG)
    told = refused(lambda: make_flag(variants=[{"next": "lukhas-echo-1"}]))  # type: ignore[arg-type]
    assert told == {"variants": ["variants: must be an object"]}


def test_an_alias_is_not_pointed_where_its_flag_cannot_roll_out(one: Model, other: Model) -> None:
    alias = Alias.objects.create(name="chat", target=one, rollout=FLAG)
    make_flag({"current": "lukhas-echo-1"})
    alias.target = other
    told = {"rollout": [f"{TOLD.replace('next', 'current')} {SPACE.replace('echo-1', 'echo-2')}."]}
    assert refused(alias.save) == told
    assert refused(lambda: Alias.objects.update(target=other)) == told
    alias.save(update_fields=["name"])
    Alias.objects.update(name="talk")


@pytest.mark.parametrize("whose", ["lukhas-echo-1", "lukhas-echo-2"])
def test_a_model_does_not_leave_a_space_or_an_endpoint_that_a_rollout_rests_on(
    one: Model, other: Model, whose: str
) -> None:
    Model.objects.filter(pk=other.pk).update(vector_space="echo")
    Alias.objects.create(name="chat", target=one, rollout=FLAG)
    make_flag()
    model = Model.objects.get(model_id=whose)
    model.vector_space = "another"
    told = {"__all__": [f"{TOLD} {SPACE}."]}
    assert refused(model.save) == refused(model.full_clean) == told
    assert refused(lambda: Model.objects.filter(pk=model.pk).update(vector_space="another")) == told
    assert "must answer the same endpoints" in str(
        refused(lambda: Model.objects.filter(pk=model.pk).update(chat=False))
    )
    assert "moderations" in str(refused(lambda: Model.objects.filter(pk=model.pk).update(moderations=True)))
    model.refresh_from_db()
    model.enabled = False
    model.save(update_fields=["enabled"])
    Model.objects.filter(pk=model.pk).update(input_price=3)


def test_a_rollout_that_was_broken_from_outside_keeps_no_other_model_from_changing(one: Model, other: Model) -> None:
    Model.objects.filter(pk=other.pk).update(vector_space="echo")
    Alias.objects.create(name="chat", target=one, rollout=FLAG)
    make_flag()
    models.QuerySet(Model).filter(pk=other.pk).update(vector_space="")
    chat = Model.objects.get(model_id="lukhas-chat-1")
    chat.vector_space = "of its own"
    chat.save()


def test_only_models_and_aliases_that_rollouts_concern_cost_queries(
    one: Model, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    alias = Alias.objects.create(name="chat", target=one)
    with django_assert_num_queries(0):
        misfits.complain(alias)
        misfits.complain(Alias(name="quick", rollout=FLAG))
        assert not list(misfits.demand([]))
    with django_assert_num_queries(1):
        misfits.complain(one)


def test_many_flags_are_checked_in_two_queries(one: Model, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    Alias.objects.create(name="chat", target=one, rollout=FLAG)
    flags = [Flag(key=f"flag-{at}", kind="string", variants={"a": "x"}) for at in range(100)]
    flags.append(Flag(key=FLAG, kind="string", variants={"a": "x"}))
    with django_assert_num_queries(2):
        assert [flag.key for flag, _ in demands.problems(flags)] == [FLAG]


@pytest.mark.parametrize("key", ["a b", "ä", "x" * 101, "a/b"])
def test_what_is_no_key_is_refused_by_the_form_and_by_the_database(one: Model, key: str) -> None:
    with pytest.raises(ValidationError, match="letters, digits, dots, hyphens or underscores"):
        Alias(name="chat", target=one, rollout=key).full_clean()
    if len(key) <= 100:
        with pytest.raises(IntegrityError), transaction.atomic():
            Alias.objects.create(name="chat", target=one, rollout=key)
