"""manage.py alias_model."""

import pytest
from django.core.management.base import CommandError

from api.models import Alias, Model
from tests.api.commands import run
from tests.api.rollouts import FLAG, make_flag

pytestmark = pytest.mark.usefixtures("database")


def test_an_alias_is_added() -> None:
    out, err = run("alias_model", "gpt-4o", "lukhas-chat-1")
    assert out == "Added alias gpt-4o.\n"
    assert err == 'Next: ask for "model": "gpt-4o". A running server knows it within two seconds.\n'
    assert Alias.objects.get(name="gpt-4o").target.model_id == "lukhas-chat-1"


def test_the_same_again_changes_nothing() -> None:
    run("alias_model", "fast", "lukhas-chat-1")
    assert run("alias_model", "fast", "lukhas-chat-1") == ("Unchanged: alias fast.\n", "")
    assert Alias.objects.count() == 1


def test_an_alias_is_pointed_elsewhere() -> None:
    run("alias_model", "fast", "lukhas-chat-1")
    out, _ = run("alias_model", "fast", "lukhas-echo-1")
    assert out == "Changed alias fast (target: lukhas-chat-1 → lukhas-echo-1).\n"
    assert Alias.objects.get(name="fast").target.model_id == "lukhas-echo-1"


def test_a_rollout_is_named_changed_left_alone_and_taken_away() -> None:
    make_flag({"same": "lukhas-chat-1"})
    assert run("alias_model", "fast", "lukhas-chat-1", "--rollout", FLAG)[0] == "Added alias fast.\n"
    assert run("alias_model", "fast", "lukhas-chat-1") == ("Unchanged: alias fast.\n", "")
    assert Alias.objects.get(name="fast").rollout == FLAG
    out, err = run("alias_model", "fast", "lukhas-chat-1", "--rollout", "other")
    assert out == f"Changed alias fast (rollout: {FLAG} → other).\n"
    assert "Note: there is no flag other yet. Until then lukhas-chat-1 answers all.\n" in err
    assert run("alias_model", "fast", "lukhas-chat-1", "--rollout", "")[0].endswith("(rollout: other → none).\n")


def test_a_flag_that_cannot_roll_out_here_is_refused_in_a_dry_run_too() -> None:
    make_flag({"next": "lukhas-echo-1"})
    for more in ([], ["--dry-run"]):
        with pytest.raises(CommandError, match=f"rollout: fast rolls out with the flag {FLAG} of default, whose"):
            run("alias_model", "fast", "lukhas-chat-1", "--rollout", FLAG, *more)
    with pytest.raises(CommandError, match="rollout: It must be 1 to 100 letters"):
        run("alias_model", "fast", "lukhas-chat-1", "--rollout", "a b")
    assert not Alias.objects.exists()


def test_a_dry_run_says_what_would_be_done_and_does_nothing() -> None:
    assert run("alias_model", "fast", "lukhas-chat-1", "--dry-run") == ("Would add alias fast.\n", "")
    assert not Alias.objects.exists()


def test_an_alias_of_a_disabled_model_is_made_and_pointed_out() -> None:
    Model.objects.filter(model_id="lukhas-chat-1").update(enabled=False)
    assert "lukhas-chat-1 is disabled" in run("alias_model", "fast", "lukhas-chat-1")[1]
    assert Alias.objects.filter(name="fast").exists()


def test_quiet_is_quiet() -> None:
    assert run("alias_model", "fast", "lukhas-chat-1", "-v", "0") == ("", "")
    assert Alias.objects.filter(name="fast").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bad name", "lukhas-chat-1"], "name: Letters"),
        (["lukhas-echo-1", "lukhas-chat-1"], "name: A model has this id."),
        (["fast", "nothing"], "No model nothing. There is: lukhas-chat-1, lukhas-echo-1, lukhas-embed-1, lukhas-mod"),
        (["slow", "fast"], "No model fast."),
    ],
)
def test_what_is_wrong_is_told_and_nothing_changes(arguments: list[str], message: str) -> None:
    Alias.objects.create(name="fast", target=Model.objects.get(model_id="lukhas-chat-1"))
    before = list(Alias.objects.values())
    with pytest.raises(CommandError) as caught:
        run("alias_model", *arguments)
    assert message in str(caught.value)
    assert list(Alias.objects.values()) == before


def test_without_any_model_the_way_to_add_one_is_named() -> None:
    Model.objects.all().delete()
    with pytest.raises(CommandError, match=r"There is: none yet. See manage.py add_model"):
        run("alias_model", "fast", "lukhas-chat-1")
