"""manage.py add_upstream."""

import pytest
from django.core.management.base import CommandError

from api.models import Model, Upstream
from tests.api.commands import run

pytestmark = pytest.mark.usefixtures("database")

URL = "http://localhost:11434/v1"


def test_an_upstream_is_added_and_the_next_step_named() -> None:
    out, err = run("add_upstream", "ollama", URL)
    assert out == "Added upstream ollama.\n"
    assert err == "Next: manage.py add_model MODEL_ID --upstream ollama\n"
    upstream = Upstream.objects.get(name="ollama")
    assert (upstream.kind, upstream.base_url, upstream.api_key_env) == ("openai", URL, "")


def test_adding_the_same_again_changes_nothing() -> None:
    run("add_upstream", "ollama", URL, "--api-key-env", "OLLAMA_KEY")
    before = Upstream.objects.values().get(name="ollama")
    for same in ([URL, "--api-key-env", "OLLAMA_KEY"], [URL], [f"{URL}/"]):
        assert run("add_upstream", "ollama", *same)[0] == "Unchanged: upstream ollama.\n"
    assert Upstream.objects.values().get(name="ollama") == before


def test_what_differs_is_changed_and_told_and_the_rest_stays() -> None:
    run("add_upstream", "ollama", URL, "--api-key-env", "OLD_KEY")
    out, _ = run("add_upstream", "ollama", "https://gpu:8000/v1")
    assert out == f"Changed upstream ollama (base_url: {URL} → https://gpu:8000/v1).\n"
    out, _ = run("add_upstream", "ollama", "https://gpu:8000/v1", "--api-key-env", "")
    assert out == "Changed upstream ollama (api_key_env: OLD_KEY → none).\n"
    upstream = Upstream.objects.get(name="ollama")
    assert (upstream.base_url, upstream.api_key_env) == ("https://gpu:8000/v1", "")


def test_a_dry_run_says_what_would_be_done_and_does_nothing() -> None:
    before = list(Upstream.objects.values())
    assert run("add_upstream", "ollama", URL, "--dry-run")[0] == "Would add upstream ollama.\n"
    assert list(Upstream.objects.values()) == before
    run("add_upstream", "ollama", URL)
    out, _ = run("add_upstream", "ollama", "http://other/v1", "--dry-run")
    assert out == f"Would change upstream ollama (base_url: {URL} → http://other/v1).\n"
    assert Upstream.objects.get(name="ollama").base_url == URL


def test_quiet_is_quiet() -> None:
    assert run("add_upstream", "ollama", "http://x", "--api-key-env", "NOT_SET_ANYWHERE", "-v", "0") == ("", "")
    assert Upstream.objects.filter(name="ollama").exists()


def test_a_variable_that_is_not_set_here_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_KEY", raising=False)
    assert "OLLAMA_KEY is not set" in run("add_upstream", "ollama", URL, "--api-key-env", "OLLAMA_KEY")[1]
    monkeypatch.setenv("OLLAMA_KEY", "sk-1")
    out, err = run("add_upstream", "ollama", URL, "--api-key-env", "OLLAMA_KEY")
    assert "OLLAMA_KEY" not in err
    assert "sk-1" not in out + err


def test_an_address_that_does_not_end_as_most_do_is_pointed_out() -> None:
    assert "ends in /v1" in run("add_upstream", "ollama", "http://localhost:11434")[1]


def test_the_next_step_is_not_named_where_it_was_taken() -> None:
    run("add_upstream", "ollama", URL)
    Model.objects.create(model_id="qwen3", upstream=Upstream.objects.get(name="ollama"))
    assert run("add_upstream", "ollama", URL)[1] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bad name", URL], "name: Letters"),
        (["x" * 65, URL], "name: Ensure"),
        (["ollama", "ftp://x/v1"], "base_url: The URL must begin with http"),
        (["ollama", "http://169.254.169.254/v1"], "base_url: Link-local"),
        (["ollama", "http://me:secret@host/v1"], "base_url: No credentials"),
        (["ollama", URL, "--api-key-env", "SECRET_KEY"], "api_key_env: SECRET_KEY is a setting of this server"),
        (["ollama", URL, "--api-key-env", "sk-abc"], "api_key_env: The name of"),
        (["ollama", ""], "An OpenAI-compatible server needs a base URL"),
        (["echo", URL], "An OpenAI-compatible server needs a base URL, and only it has one."),
    ],
)
def test_what_is_wrong_is_told_and_nothing_changes(arguments: list[str], message: str) -> None:
    before = list(Upstream.objects.values())
    with pytest.raises(CommandError) as caught:
        run("add_upstream", *arguments)
    assert message in str(caught.value)
    assert list(Upstream.objects.values()) == before


def test_limits_are_given_changed_and_left_alone_and_those_that_cannot_be_are_refused() -> None:
    run("add_upstream", "ollama", URL, "--max-connections", "8", "--first-seconds", "60", "--whole-seconds", "600")
    out, _ = run("add_upstream", "ollama", URL, "--first-seconds", "30", "--silence-seconds", "0.5")
    assert out == "Changed upstream ollama (first_seconds: 60.0 → 30.0; silence_seconds: none → 0.5).\n"
    assert run("add_upstream", "ollama", URL)[0] == "Unchanged: upstream ollama.\n"
    for option, value in (("--max-connections", "0"), ("--connect-seconds", "0"), ("--whole-seconds", "-1")):
        with pytest.raises(CommandError, match="greater than or equal to"):
            run("add_upstream", "ollama", URL, option, value)
    row = Upstream.objects.get(name="ollama")
    limits = (row.max_connections, row.connect_seconds, row.first_seconds, row.silence_seconds, row.whole_seconds)
    assert limits == (8, None, 30.0, 0.5, 600.0)
