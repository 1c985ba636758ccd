"""manage.py add_model."""

from decimal import Decimal

import pytest
from django.core.management.base import CommandError

from api.models import Alias, Model, Upstream
from tests.api.commands import run


@pytest.fixture(autouse=True)
def gpu(database: None) -> Upstream:
    """An upstream to which models can be added."""
    return Upstream.objects.create(name="gpu", base_url="http://gpu:8000/v1")


def test_a_model_is_added_under_the_same_id_unless_told_otherwise(gpu: Upstream) -> None:
    out, err = run("add_model", "Qwen/Qwen3-4B:latest", "--upstream", "gpu")
    assert out == "Added model Qwen/Qwen3-4B:latest.\n"
    assert err == 'Next: ask for "model": "Qwen/Qwen3-4B:latest". A running server knows it within two seconds.\n'
    model = Model.objects.get(model_id="Qwen/Qwen3-4B:latest")
    assert (model.upstream, model.upstream_model, model.enabled) == (gpu, "", True)
    assert (model.chat, model.completions, model.embeddings, model.moderations) == (True, True, True, False)
    assert (model.context_window, model.encoding, model.input_price) == (None, "cl100k_base", 0)


def test_everything_about_a_model_can_be_given() -> None:
    options = ["--upstream-model", "gpt-4o", "--context-window", "128000", "--encoding", "o200k_base"]
    prices = ["--input-price", "2.50", "--cached-input-price", "1.25", "--output-price", "10"]
    run("add_model", "big", "--upstream", "gpu", *options, *prices)
    model = Model.objects.get(model_id="big")
    assert (model.upstream_model, model.context_window, model.encoding) == ("gpt-4o", 128_000, "o200k_base")
    assert (model.input_price, model.cached_input_price) == (Decimal("2.5"), Decimal("1.25"))
    assert model.output_price == 10


def test_endpoints_and_the_vector_space_can_be_given() -> None:
    run("add_model", "big", "--upstream", "gpu", "--no-embeddings", "--no-completions")
    model = Model.objects.get(model_id="big")
    assert (model.chat, model.completions, model.embeddings, model.vector_space) == (True, False, False, "")
    out, _ = run("add_model", "big", "--upstream", "gpu", "--embeddings", "--no-chat", "--vector-space", "minilm")
    assert out == "Changed model big (vector_space: none → minilm; chat: yes → no; embeddings: no → yes).\n"
    assert run("add_model", "big", "--upstream", "gpu", "--moderations")[0] == (
        "Changed model big (moderations: no → yes).\n"
    )
    run("add_model", "big", "--upstream", "gpu", "--no-moderations")
    assert not Model.objects.get(model_id="big").moderations
    assert run("add_model", "big", "--upstream", "gpu", "--no-chat")[0] == "Unchanged: model big.\n"


def test_adding_the_same_again_changes_nothing() -> None:
    run("add_model", "big", "--upstream", "gpu", "--input-price", "0.1", "--context-window", "4096")
    before = Model.objects.values().get(model_id="big")
    for same in ([], ["--input-price", "0.100"], ["--context-window", "4096"]):
        assert run("add_model", "big", "--upstream", "gpu", *same) == ("Unchanged: model big.\n", "")
    assert Model.objects.values().get(model_id="big") == before


def test_what_differs_is_changed_and_told_and_the_rest_stays() -> None:
    Upstream.objects.create(name="cpu", base_url="http://cpu:8000/v1")
    run("add_model", "big", "--upstream", "gpu", "--upstream-model", "a", "--output-price", "2")
    Model.objects.filter(model_id="big").update(enabled=False)
    out, _ = run("add_model", "big", "--upstream", "cpu", "--upstream-model", "")
    assert out == "Changed model big (upstream: gpu → cpu; upstream_model: a → none).\n"
    model = Model.objects.get(model_id="big")
    assert (model.upstream.name, model.upstream_model, model.output_price, model.enabled) == ("cpu", "", 2, False)


def test_a_dry_run_says_what_would_be_done_and_does_nothing() -> None:
    before = list(Model.objects.values())
    assert run("add_model", "big", "--upstream", "gpu", "--dry-run") == ("Would add model big.\n", "")
    with pytest.raises(CommandError):
        run("add_model", "bad id", "--upstream", "gpu", "--dry-run")
    assert list(Model.objects.values()) == before


def test_quiet_is_quiet() -> None:
    assert run("add_model", "big", "--upstream", "gpu", "-v", "0") == ("", "")
    assert Model.objects.filter(model_id="big").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bad id", "--upstream", "gpu"], "model_id: Letters"),
        (
            ["big", "--upstream", "nowhere"],
            "No upstream nowhere. There is: echo, gpu, lukhas-chat, lukhas-embeddings",
        ),
        (["taken", "--upstream", "gpu"], "model_id: An alias has this name."),
        (["big", "--upstream", "gpu", "--output-price", "-1"], "output_price: Ensure"),
        (["big", "--upstream", "gpu", "--output-price", "0.1234567"], "output_price: Ensure"),
        (["big", "--upstream", "gpu", "--output-price", "free"], "not an amount of dollars: 'free'"),
        (["big", "--upstream", "gpu", "--output-price", "NaN"], "not an amount of dollars: 'NaN'"),
        (["big", "--upstream", "gpu", "--context-window", "-1"], "context_window: Ensure"),
        (["big", "--upstream", "gpu", "--encoding", "p50k"], "invalid choice"),
        (["big"], "--upstream"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_changes(arguments: list[str], message: str) -> None:
    Alias.objects.create(name="taken", target=Model.objects.get(model_id="lukhas-echo-1"))
    before = list(Model.objects.values())
    with pytest.raises(CommandError) as caught:
        run("add_model", *arguments)
    assert message in str(caught.value)
    assert list(Model.objects.values()) == before


def test_without_any_upstream_the_way_to_add_one_is_named() -> None:
    Model.objects.all().delete()
    Upstream.objects.all().delete()
    with pytest.raises(CommandError, match=r"There is: none yet. See manage.py add_upstream"):
        run("add_model", "big", "--upstream", "gpu")


def test_default_parameters_and_a_weight_are_given_changed_and_taken_away() -> None:
    run("add_model", "big", "--upstream", "gpu", "--default-parameters", '{"temperature": 0.2}', "--weight", "3")
    model = Model.objects.get(model_id="big")
    assert (model.default_parameters, model.weight) == ({"temperature": 0.2}, 3)
    assert run("add_model", "big", "--upstream", "gpu") == ("Unchanged: model big.\n", "")
    out, _ = run("add_model", "big", "--upstream", "gpu", "--default-parameters", "{}")
    assert out == "Changed model big (default_parameters: {'temperature': 0.2} → none).\n"


@pytest.mark.parametrize(
    ("given", "message"),
    [("{", "not JSON: '{'"), ("[1]", "A JSON object"), ('{"temperature": 9}', "Expected a value <= 2")],
)
def test_default_parameters_that_cannot_be_are_refused(given: str, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        run("add_model", "big", "--upstream", "gpu", "--default-parameters", given)
    assert message in str(caught.value)
    assert not Model.objects.filter(model_id="big").exists()
