"""The settings, in processes of their own, and the strict reading of the environment."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from lukhas_site.environment import Environment
from tests.processes import ROOT

SHOW = """
import json, sys
from lukhas_site import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""


DEFAULTS: dict[str, object] = {"text": "x", "truth": True, "whole": 7, "number": 7.0, "texts": ["x"]}


def shown(data: Path, *names: str, **variables: str) -> dict[str, Any]:
    """The values of settings in a process with these variables and no others."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SHOW, *names],
        cwd=ROOT,
        env={"LUKHAS_DATA_DIR": str(data), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    values: dict[str, Any] = json.loads(done.stdout)
    return values


def test_with_no_variable_set_everything_is_strict_and_local(tmp_path: Path) -> None:
    names = ("DEBUG", "ALLOWED_HOSTS", "LUKHAS_POLICY_MODE", "LUKHAS_CORS_ALLOWED_ORIGINS", "LUKHAS_LANE", "REDIS_URL")
    assert shown(tmp_path, *names) == {
        "DEBUG": False,
        "ALLOWED_HOSTS": ["localhost", "127.0.0.1"],
        "LUKHAS_POLICY_MODE": "strict",
        "LUKHAS_CORS_ALLOWED_ORIGINS": [],
        "LUKHAS_LANE": "prod",
        "REDIS_URL": "",
    }


def test_without_urls_the_state_is_in_the_data_directory_and_in_the_process(tmp_path: Path) -> None:
    data = tmp_path / "with space & 100%"
    values = shown(data, "DATABASES", "CACHES", "SECRET_KEY", "STATIC_ROOT", "TIKTOKEN_CACHE_DIR")
    database = values["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert database["NAME"] == str(data / "lukhas.sqlite3")
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert values["CACHES"]["default"]["BACKEND"].endswith("LocMemCache")
    assert values["SECRET_KEY"] == (data / "secret_key").read_text()
    assert values["STATIC_ROOT"] == str(data / "static")
    assert values["TIKTOKEN_CACHE_DIR"] == str(data / "encodings")


def test_a_secret_key_that_is_given_takes_the_place_of_the_file(tmp_path: Path) -> None:
    values = shown(
        tmp_path, "SECRET_KEY", "SECRET_KEY_FALLBACKS", SECRET_KEY="given", LUKHAS_SECRET_KEY_FALLBACKS="a, b"
    )
    assert values == {"SECRET_KEY": "given", "SECRET_KEY_FALLBACKS": ["a", "b"]}
    assert not (tmp_path / "secret_key").exists()


def test_postgresql_is_used_through_a_pool_that_replaces_dead_connections(tmp_path: Path) -> None:
    url = "postgres://ann:p%23ss%40@db.example.com:6543/lukhas?sslmode=require"
    database = shown(tmp_path, "DATABASES", DATABASE_URL=url, LUKHAS_DATABASE_POOL="7", SECRET_KEY="x")["DATABASES"][
        "default"
    ]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    where = {name: database[name] for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD")}
    assert where == {"HOST": "db.example.com", "PORT": 6543, "NAME": "lukhas", "USER": "ann", "PASSWORD": "p#ss@"}
    assert database["CONN_HEALTH_CHECKS"] is True
    assert database["OPTIONS"]["pool"]["max_size"] == 7
    assert database["OPTIONS"]["connect_timeout"] <= database["OPTIONS"]["pool"]["timeout"] <= 5
    assert database["OPTIONS"]["sslmode"] == "require"


def test_an_sqlite_url_gets_the_same_tuning_as_the_default(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/other.sqlite3"
    database = shown(tmp_path, "DATABASES", DATABASE_URL=url)["DATABASES"]["default"]
    assert database["NAME"] == f"{tmp_path}/other.sqlite3"
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]


def test_redis_is_given_up_after_a_second(tmp_path: Path) -> None:
    cache = shown(tmp_path, "CACHES", REDIS_URL="redis://cache.example.com:6380/2")["CACHES"]["default"]
    assert cache["BACKEND"] == "django.core.cache.backends.redis.RedisCache"
    assert cache["LOCATION"] == "redis://cache.example.com:6380/2"
    assert cache["OPTIONS"] == {"socket_connect_timeout": 1.0, "socket_timeout": 1.0}


def test_lists_and_choices_are_forgiving_in_what_cannot_be_mistaken(tmp_path: Path) -> None:
    values = shown(
        tmp_path,
        *("ALLOWED_HOSTS", "LUKHAS_LOG_LEVEL", "LUKHAS_LOG_FORMAT", "SESSION_COOKIE_SECURE", "LUKHAS_LEAN_HANDLER"),
        LUKHAS_ALLOWED_HOSTS="a.example.com, .b.example.com,",
        LUKHAS_LOG_LEVEL="debug",
        LUKHAS_LOG_FORMAT="Console",
        LUKHAS_SECURE_COOKIES="YES",
        LUKHAS_LEAN_HANDLER="off",
    )
    assert values == {
        "ALLOWED_HOSTS": ["a.example.com", ".b.example.com"],
        "LUKHAS_LOG_LEVEL": "DEBUG",
        "LUKHAS_LOG_FORMAT": "console",
        "SESSION_COOKIE_SECURE": True,
        "LUKHAS_LEAN_HANDLER": False,
    }


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """The reader, in an environment where GIVEN may be set."""
    monkeypatch.delenv("GIVEN", raising=False)
    return Environment()


def test_what_is_not_set_is_its_default(env: Environment) -> None:
    assert env.text("GIVEN", default="x") == "x"
    assert env.truth("GIVEN", default=True) is True
    assert env.whole("GIVEN", default=3) == 3
    assert env.number("GIVEN", default=0.5) == 0.5
    assert env.texts("GIVEN", default=["x"]) == ["x"]
    assert env.choice("GIVEN", ("x", "y"), default="y") == "y"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", "2", "2"),
        ("truth", "1", True),
        ("truth", "False", False),
        ("truth", "", False),
        ("whole", "12", 12),
        ("number", "2", 2.0),
        ("number", "1.5e-3", 0.0015),
        ("texts", "", []),
    ],
)
def test_what_is_set_is_taken(
    env: Environment, monkeypatch: pytest.MonkeyPatch, kind: str, text: str, value: object
) -> None:
    monkeypatch.setenv("GIVEN", text)
    got = getattr(env, kind)("GIVEN", default=DEFAULTS[kind])
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("truth", "maybe", "true or false, not 'maybe'"),
        ("truth", "2", "true or false, not '2'"),
        ("whole", "1.5", "a whole number, not '1.5'"),
        ("whole", "", "a whole number, not ''"),
        ("number", "5s", "a number, not '5s'"),
        ("number", "nan", "a number, not 'nan'"),
        ("number", "inf", "a number, not 'inf'"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_name(
    env: Environment, monkeypatch: pytest.MonkeyPatch, kind: str, text: str, message: str
) -> None:
    monkeypatch.setenv("GIVEN", text)
    with pytest.raises(ImproperlyConfigured) as caught:
        getattr(env, kind)("GIVEN", default=DEFAULTS[kind])
    assert str(caught.value) == f"GIVEN must be {message}."


def test_a_choice_that_there_is_not_is_refused_with_those_that_there_are(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIVEN", "z")
    with pytest.raises(ImproperlyConfigured, match=r"^GIVEN must be one of x, y, not 'z'\.$"):
        env.choice("GIVEN", ("x", "y"), default="y")


@pytest.mark.parametrize("url", ["mysql://u:hush@h/x", "nonsense", "oracle://", "postgres"])
def test_a_database_of_another_kind_is_refused(env: Environment, url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL must start with postgres:// or sqlite:///\.$"):
        env.database(url)


def test_a_database_url_that_cannot_be_read_is_refused_without_being_quoted(env: Environment) -> None:
    with pytest.raises(ImproperlyConfigured, match="percent-encoded") as caught:
        env.database("postgres://ann@db:hush/x")
    assert "hush" not in str(caught.value)


# --- Mail ------------------------------------------------------------------------------------------------------

MAIL = ("EMAIL_BACKEND", "EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS")


def test_without_a_mail_server_mail_is_written_to_the_output(tmp_path: Path) -> None:
    values = shown(tmp_path, *MAIL, "EMAIL_USE_SSL", "EMAIL_TIMEOUT", "DEFAULT_FROM_EMAIL", "EMAIL_FILE_PATH")
    assert values["EMAIL_BACKEND"] == "django.core.mail.backends.console.EmailBackend"
    assert (values["EMAIL_USE_TLS"], values["EMAIL_USE_SSL"], values["EMAIL_TIMEOUT"]) == (False, False, 10)
    assert (values["DEFAULT_FROM_EMAIL"], values["EMAIL_FILE_PATH"]) == ("lukhas@localhost", None)


def test_a_url_names_the_mail_server(tmp_path: Path) -> None:
    url = "smtp+tls://us%40er:p%2Fw@mail.example.com"
    values = shown(tmp_path, *MAIL, "SERVER_EMAIL", EMAIL_URL=url, LUKHAS_MAIL_FROM="LUKHAS <a@example.com>")
    assert [values[name] for name in MAIL] == [
        "django.core.mail.backends.smtp.EmailBackend",
        "mail.example.com",
        587,
        "us@er",
        "p/w",
        True,
    ]
    assert values["SERVER_EMAIL"] == "LUKHAS <a@example.com>"


@pytest.mark.parametrize(
    ("url", "port"), [("smtp://", 25), ("smtp://h:2525", 2525), ("smtps://h", 587), ("smtp+ssl://h", 465)]
)
def test_a_mail_server_listens_on_the_usual_port_unless_told(url: str, port: int) -> None:
    assert Environment().mail(url)["EMAIL_PORT"] == port


@pytest.mark.parametrize("url", ["", "mail.example.com", "gopher://user:secret@h", "smtp://user:secret@h:port"])
def test_what_is_no_mail_server_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL must be a URL") as raised:
        Environment().mail(url)
    assert "secret" not in str(raised.value)
