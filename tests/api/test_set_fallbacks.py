"""manage.py set_fallbacks."""

import pytest
from django.core.management.base import CommandError

from api import catalog
from api.models import Fallback, Upstream
from tests.api.commands import run


@pytest.fixture(autouse=True)
def models(database: None) -> None:
    Upstream.objects.create(name="gpu", base_url="http://gpu/v1")
    for name in ("big", "small", "tiny"):
        run("add_model", name, "--upstream", "gpu", "--no-embeddings")


def fallbacks() -> tuple[str, ...]:
    return catalog.read().targets["big"].fallbacks


def test_fallbacks_are_set_in_their_order_replaced_and_taken_away() -> None:
    assert run("set_fallbacks", "big", "tiny", "small") == ("Set fallbacks of big: none → tiny, small.\n", "")
    assert fallbacks() == ("tiny", "small")
    assert run("set_fallbacks", "big", "tiny", "small", "tiny") == ("Unchanged: fallbacks of big.\n", "")
    assert run("set_fallbacks", "big", "small", "tiny")[0] == "Set fallbacks of big: tiny, small → small, tiny.\n"
    assert fallbacks() == ("small", "tiny")
    assert run("set_fallbacks", "big")[0] == "Set fallbacks of big: small, tiny → none.\n"
    assert fallbacks() == ()


def test_a_dry_run_says_what_would_be_done_and_does_nothing() -> None:
    told = run("set_fallbacks", "big", "small", "--dry-run")[0]
    assert told == "Would set fallbacks of big: none → small.\n"
    assert not Fallback.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["huge"], "No model huge. There is: big"),
        (["big", "huge"], "No model huge."),
        (["big", "small", "big"], "A model cannot fall back to itself."),
        (["big", "small", "lukhas-embed-1"], "target: It must answer the same endpoints as big"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_what_cannot_be_is_refused_and_changes_nothing(arguments: list[str], message: str, more: list[str]) -> None:
    with pytest.raises(CommandError) as caught:
        run("set_fallbacks", *arguments, *more)
    assert message in str(caught.value)
    assert not Fallback.objects.exists()
