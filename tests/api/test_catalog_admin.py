"""The staff pages of the catalog: they open, in few queries, and refuse what the commands refuse."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from api.models import Alias, Model, Upstream
from tests.api.rollouts import make_flag


@pytest.fixture
def staff(database: None) -> Client:
    """A browser in which a superuser is logged in."""
    client = Client()
    client.force_login(User.objects.create_superuser("boss", "boss@example.com", "a long password indeed"))
    return client


@pytest.fixture
def gpu(database: None) -> Upstream:
    upstream = Upstream.objects.create(name="gpu", base_url="http://gpu:8000/v1", api_key_env="GPU_KEY")
    model = Model.objects.create(model_id="big", upstream=upstream, upstream_model="org/big")
    Alias.objects.create(name="fast", target=model)
    return upstream


def page(of: str, action: str, *args: object) -> str:
    return reverse(f"admin:api_{of}_{action}", args=args)


def form(**fields: object) -> dict[str, Any]:
    """The form of a model's page, with what a browser adds for the rows below it."""
    below = ("aliases", "deployments", "fallbacks")
    inline = {f"{rows}-{name}_FORMS": 0 for rows in below for name in ("TOTAL", "INITIAL")}
    return {
        "encoding": "cl100k_base",
        "chat": "on",
        "enabled": "on",
        "weight": "1",
        "input_price": "0",
        "cached_input_price": "0",
        "output_price": "0",
        **inline,
        **fields,
    }


@pytest.mark.parametrize("of", ["upstream", "model", "alias"])
def test_every_page_opens_for_a_superuser(staff: Client, gpu: Upstream, of: str) -> None:
    row = {"upstream": Upstream, "model": Model, "alias": Alias}[of].objects.latest("pk")
    for action, *args in (["changelist"], ["add"], ["change", row.pk], ["history", row.pk], ["delete", row.pk]):
        assert staff.get(page(of, action, *args)).status_code == 200


@pytest.mark.parametrize(("of", "shown"), [("upstream", "gpu"), ("model", "org/big"), ("alias", "fast")])
def test_a_list_takes_the_same_few_queries_however_long(
    staff: Client, gpu: Upstream, of: str, shown: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for at in range(30):
        upstream = Upstream.objects.create(name=f"up-{at}", base_url="http://x/v1")
        Alias.objects.create(name=f"a-{at}", target=Model.objects.create(model_id=f"m-{at}", upstream=upstream))
    # Session, user, the count of what is shown, the rows; and the upstreams to filter by where there is that filter.
    with django_assert_num_queries(4 if of == "upstream" else 5):
        answer = staff.get(page(of, "changelist"))
    assert shown in answer.content.decode()


@pytest.mark.parametrize(
    ("of", "query", "found"),
    [
        ("upstream", "q=GPU_KEY", ["gpu"]),
        ("upstream", "kind__exact=echo", ["echo"]),
        ("model", "q=fast", ["big"]),
        ("model", "q=org/", ["big"]),
        ("model", "q=gpu", ["big"]),
        ("model", "embeddings__exact=0", ["lukhas-moderation-1", "lukhas-chat-1"]),
        ("model", "moderations__exact=1", ["lukhas-moderation-1"]),
        ("alias", "q=big", ["fast"]),
    ],
)
def test_rows_are_found_by_what_staff_know_of_them(
    staff: Client, gpu: Upstream, of: str, query: str, found: list[str]
) -> None:
    answer = staff.get(f"{page(of, 'changelist')}?{query}")
    assert [str(row) for row in answer.context["cl"].result_list] == found


def test_an_upstream_is_added_and_what_the_command_refuses_is_refused(staff: Client, settings: Settings) -> None:
    settings.LUKHAS_UPSTREAM_KEY_VARS = ["KEY"]
    good = {"name": "new", "kind": "openai", "base_url": "http://ollama:11434/v1", "api_key_env": "KEY"}
    for bad in ({"base_url": "http://169.254.169.254/"}, {"api_key_env": "SECRET_KEY"}, {"base_url": ""}):
        answer = staff.post(page("upstream", "add"), {**good, **bad})
        assert answer.status_code == 200
        assert answer.context["errors"]
    assert not Upstream.objects.filter(name="new").exists()
    limits = {"max_connections": "8", "connect_seconds": "0.5"}
    for bad in ({"max_connections": "0"}, {"connect_seconds": "0"}, {"whole_seconds": "-1"}, {"first_seconds": "inf"}):
        assert staff.post(page("upstream", "add"), {**good, **bad}).context["errors"]
    assert staff.post(page("upstream", "add"), {**good, **limits}).status_code == 302
    made = Upstream.objects.get(name="new")
    assert made.base_url == "http://ollama:11434/v1"
    assert (made.max_connections, made.connect_seconds, made.first_seconds) == (8, 0.5, None)


def test_a_model_is_changed_and_gets_aliases_on_one_page(staff: Client, gpu: Upstream) -> None:
    model = Model.objects.get(model_id="big")
    Alias.objects.all().delete()
    aliases = {"aliases-TOTAL_FORMS": 1, "aliases-0-name": "quick", "aliases-0-target": model.pk}
    fields = form(model_id="big", upstream=gpu.pk, output_price="1.5", context_window="4096", **aliases)
    assert staff.post(page("model", "change", model.pk), fields).status_code == 302
    model.refresh_from_db()
    assert (model.output_price, model.context_window, model.chat, model.embeddings) == (
        Decimal("1.5"),
        4096,
        True,
        False,
    )
    assert [alias.name for alias in model.aliases.all()] == ["quick"]


def test_further_deployments_fallbacks_and_defaults_are_on_the_page_of_the_model(staff: Client, gpu: Upstream) -> None:
    model, echo = Model.objects.get(model_id="big"), Upstream.objects.get(name="echo")
    small = Model.objects.create(model_id="small", upstream=gpu, completions=False, embeddings=False)
    rows = {
        "deployments-TOTAL_FORMS": 1,
        "deployments-0-model": model.pk,
        "deployments-0-upstream": gpu.pk,
        "deployments-0-weight": "5",
        "fallbacks-TOTAL_FORMS": 1,
        "fallbacks-0-model": model.pk,
        "fallbacks-0-target": small.pk,
        "fallbacks-0-position": "0",
    }
    fields = form(
        model_id="big",
        upstream=gpu.pk,
        upstream_model="org/big",
        weight="2",
        default_parameters='{"temperature": 0.2}',
        **rows,
    )
    for bad, message in (
        ({"deployments-0-upstream": echo.pk}, "The default parameters of the model cannot be sent there."),
        ({"fallbacks-0-target": Model.objects.get(model_id="lukhas-embed-1").pk}, "must answer the same endpoints"),
        ({"default_parameters": '{"n": 2}'}, "Only a caller says: n."),
        ({"default_parameters": "{"}, "Enter a valid JSON."),
    ):
        answer = staff.post(page("model", "change", model.pk), {**fields, **bad})
        assert message in answer.content.decode()
    assert staff.post(page("model", "change", model.pk), fields).status_code == 302
    model.refresh_from_db()
    assert (model.weight, model.default_parameters) == (2, {"temperature": 0.2})
    assert [(row.upstream, row.weight) for row in model.deployments.all()] == [(gpu, 5)]
    assert [row.target for row in model.fallbacks.all()] == [small]


def test_a_model_cannot_take_the_name_of_an_alias(staff: Client, gpu: Upstream) -> None:
    answer = staff.post(page("model", "add"), form(model_id="fast", upstream=gpu.pk))
    assert answer.status_code == 200
    assert "An alias has this name." in answer.content.decode()


def test_a_rollout_is_set_on_both_pages_and_a_flag_that_does_not_fit_is_told_beside_the_field(
    staff: Client, gpu: Upstream
) -> None:
    alias, model = Alias.objects.get(name="fast"), Model.objects.get(model_id="big")
    make_flag({"same": "big"}, key="fits")
    make_flag({"next": "lukhas-chat-1"}, key="misfit")
    inline = {
        "aliases-TOTAL_FORMS": 1,
        "aliases-INITIAL_FORMS": 1,
        "aliases-0-id": alias.pk,
        "aliases-0-name": "fast",
        "aliases-0-target": model.pk,
    }
    fields = form(model_id="big", upstream=gpu.pk, embeddings="on", completions="on", vector_space="a", **inline)
    for where, row, key, data in (
        ("alias", alias, "rollout", {"name": "fast", "target": model.pk}),
        ("model", model, "aliases-0-rollout", fields),
    ):
        answer = staff.post(page(where, "change", row.pk), {**data, key: "misfit"})
        assert "must answer the same endpoints as big" in answer.content.decode()
        assert staff.post(page(where, "change", row.pk), {**data, key: "fits"}).status_code == 302
        assert Alias.objects.get().rollout == "fits"
        Alias.objects.update(rollout="")
    model.refresh_from_db()
    assert model.vector_space == "a"


def test_models_are_switched_off_and_on_in_bulk_with_an_entry_in_their_history(staff: Client, gpu: Upstream) -> None:
    chosen = list(Model.objects.values_list("pk", flat=True))
    for action, enabled in (("disable_selected", False), ("enable_selected", True)):
        for expected in (5, 0):
            answer = staff.post(
                page("model", "changelist"), {"action": action, "_selected_action": chosen}, follow=True
            )
            assert [str(message) for message in answer.context["messages"]] == [
                f"{'Enabled' if enabled else 'Disabled'}: {expected}."
            ]
        assert set(Model.objects.values_list("enabled", flat=True)) == {enabled}
    history = staff.get(page("model", "history", chosen[0])).content.decode()
    assert "Disabled." in history
    assert "Enabled." in history


def test_an_upstream_with_models_cannot_be_deleted(staff: Client, gpu: Upstream) -> None:
    staff.post(page("upstream", "delete", gpu.pk), {"post": "yes"})
    assert Upstream.objects.filter(pk=gpu.pk).exists()
