"""Further deployments, fallbacks and limits as rows: what can be saved, and what requests are told of it."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.utils import IntegrityError

from api import catalog
from api.catalog import Limits
from api.models import Deployment, Fallback, Model, Upstream


@pytest.fixture
def gpu(database: None) -> Upstream:
    return Upstream.objects.create(name="gpu", base_url="http://gpu:8000/v1", api_key_env="GPU_KEY")


@pytest.fixture
def big(gpu: Upstream) -> Model:
    return Model.objects.create(
        model_id="big", upstream=gpu, upstream_model="org/big", weight=3, default_parameters={"temperature": 0.2}
    )


def complaint(row: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        row.full_clean()
    return " ".join(caught.value.messages)


def test_a_target_tells_its_limits_weight_defaults_and_where_else_it_is_reached(big: Model, gpu: Upstream) -> None:
    Upstream.objects.filter(pk=gpu.pk).update(max_connections=7, first_seconds=1.5)
    spare = Upstream.objects.create(name="spare", base_url="http://spare/v1/", connect_seconds=2, whole_seconds=9)
    Deployment.objects.create(model=big, upstream=spare, weight=0)
    Deployment.objects.create(model=big, upstream=gpu, upstream_model="org/big-2", weight=2)
    target = catalog.read().targets["big"]
    assert target.place == ("big", "gpu", "org/big")
    assert (target.weight, target.limits) == (3, Limits(connections=7, first=1.5))
    assert target.defaults == {"chat/completions": {"temperature": 0.2}, "completions": {"temperature": 0.2}}
    first, second = target.deployments
    assert (first.place, first.weight, first.base_url, first.api_key_env) == (
        ("big", "spare", "big"),
        0,
        "http://spare/v1",
        "",
    )
    assert first.limits == Limits(connect=2, whole=9)
    assert (second.place, second.weight, second.api_key_env) == (("big", "gpu", "org/big-2"), 2, "GPU_KEY")
    assert first.deployments == second.deployments == ()
    assert hash(target) != hash(first)


def test_fallbacks_are_told_in_their_order_and_without_those_that_are_disabled(big: Model, gpu: Upstream) -> None:
    for name, position, enabled in (("last", 9, True), ("off", 1, False), ("next", 2, True)):
        target = Model.objects.create(model_id=name, upstream=gpu, enabled=enabled)
        Fallback.objects.create(model=big, target=target, position=position)
    assert catalog.read().targets["big"].fallbacks == ("next", "last")
    assert catalog.read().targets["next"].fallbacks == ()


def test_a_deployment_is_another_place_than_the_models_own(big: Model, gpu: Upstream) -> None:
    assert complaint(Deployment(model=big, upstream=gpu, upstream_model="org/big")) == (
        "The model is reached there already."
    )
    other = Deployment(model=big, upstream=gpu)
    other.full_clean()
    other.save()
    assert str(other) == "big at gpu"
    assert complaint(Deployment(model=big, upstream=gpu)) == "The model has this deployment already."
    assert complaint(Deployment(model=big, upstream=gpu, upstream_model="x", weight=1001)).startswith("Ensure this")
    assert "This field cannot be null." in complaint(Deployment(upstream=gpu))


def test_default_parameters_are_those_of_servers_elsewhere(big: Model, gpu: Upstream) -> None:
    echo = Upstream.objects.get(name="echo")
    assert complaint(Deployment(model=big, upstream=echo)) == (
        "The default parameters of the model cannot be sent there."
    )
    own = Model.objects.get(model_id="lukhas-echo-1")
    own.default_parameters = {"seed": 1}
    assert complaint(own) == "Only models of an OpenAI-compatible server have them."
    big.default_parameters = {"temperature": 9}
    assert "Expected a value <= 2" in complaint(big)
    big.default_parameters = None  # as an empty field of a form has it
    big.full_clean()
    assert big.default_parameters == {}
    assert "This field cannot be null." in complaint(Model(model_id="new", default_parameters={"seed": 1}))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"embeddings": False}, "must answer the same endpoints as big"),
        ({}, "must declare the same vector space as big"),
        ({"vector_space": "a"}, ""),
    ],
)
def test_who_stands_in_can_take_the_models_place(big: Model, gpu: Upstream, fields: dict[str, Any], why: str) -> None:
    Model.objects.filter(pk=big.pk).update(vector_space="a")
    big.refresh_from_db()
    small = Model.objects.create(model_id="small", upstream=gpu, **fields)
    row = Fallback(model=big, target=small)
    if why:
        assert why in complaint(row)
    else:
        row.full_clean()
        assert str(row) == "big → small"


def test_a_model_cannot_fall_back_to_itself_or_to_none(big: Model) -> None:
    assert complaint(Fallback(model=big, target=big)) == "A model cannot fall back to itself."
    assert complaint(Fallback(model=big)) == "This field cannot be null."


def test_the_database_itself_refuses_what_makes_no_sense(big: Model, gpu: Upstream) -> None:
    Deployment.objects.create(model=big, upstream=gpu)
    small = Model.objects.create(model_id="small", upstream=gpu)
    Fallback.objects.create(model=big, target=small)
    for make in (
        lambda: Deployment.objects.create(model=big, upstream=gpu),
        lambda: Fallback.objects.create(model=big, target=small),
        lambda: Fallback.objects.create(model=big, target=big),
        lambda: Upstream.objects.create(name="never", base_url="http://x/v1", first_seconds=0),
        lambda: Upstream.objects.create(name="never", base_url="http://x/v1", max_connections=0),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            make()
