"""manage.py add_deployment."""

import pytest
from django.core.management.base import CommandError

from api.models import Deployment, Upstream
from tests.api.commands import run


@pytest.fixture(autouse=True)
def big(database: None) -> None:
    for name in ("gpu", "spare"):
        Upstream.objects.create(name=name, base_url=f"http://{name}/v1")
    run("add_model", "big", "--upstream", "gpu")


def test_a_deployment_is_added_changed_left_alone_and_removed() -> None:
    what = "deployment big at spare"
    assert run("add_deployment", "big", "spare") == (f"Added {what}.\n", "")
    assert run("add_deployment", "big", "spare", "--weight", "1") == (f"Unchanged: {what}.\n", "")
    assert run("add_deployment", "big", "spare", "--weight", "0")[0] == f"Changed {what} (weight: 1 → 0).\n"
    row = Deployment.objects.get()
    assert (row.model.model_id, row.upstream.name, row.upstream_model, row.weight) == ("big", "spare", "", 0)
    run("add_deployment", "big", "spare", "--upstream-model", "org/big")
    assert Deployment.objects.count() == 2
    assert run("add_deployment", "big", "spare", "--remove") == (f"Removed {what}.\n", "")
    assert Deployment.objects.get().upstream_model == "org/big"


def test_a_dry_run_says_what_would_be_done_and_does_nothing() -> None:
    assert run("add_deployment", "big", "spare", "--dry-run")[0] == "Would add deployment big at spare.\n"
    assert not Deployment.objects.exists()
    run("add_deployment", "big", "spare")
    told = run("add_deployment", "big", "spare", "--remove", "--dry-run")[0]
    assert told == "Would remove deployment big at spare.\n"
    assert Deployment.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["small", "spare"], "No model small. There is: big, lukhas-chat-1"),
        (["big", "nowhere"], "No upstream nowhere. There is: echo, gpu"),
        (["big", "gpu"], "upstream: The model is reached there already."),
        (["big", "spare", "--weight", "1001"], "weight: Ensure this value is less than or equal to 1000."),
        (["big", "spare", "--remove"], "There is no deployment big at spare."),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        run("add_deployment", *arguments)
    assert message in str(caught.value)
    assert not Deployment.objects.exists()
