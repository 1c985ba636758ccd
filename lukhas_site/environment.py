"""The environment variables, read strictly: a value that cannot be taken is refused, by the variable's name."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off", ""})
POSTGRESQL = "django.db.backends.postgresql"
SQLITE = "django.db.backends.sqlite3"
SCHEMES = ("postgres://", "postgresql://", "sqlite:///")


class Environment:
    """Reads variables through django-environ. Every method raises ImproperlyConfigured for a value it cannot take;
    `default` is what an unset variable stands for."""

    def __init__(self) -> None:
        self._env = environ.Env()

    def text(self, name: str, *, default: str) -> str:
        return self._read(name, str, default, "a text")

    def truth(self, name: str, *, default: bool) -> bool:
        return self._read(name, _truth, default, "true or false")

    def whole(self, name: str, *, default: int) -> int:
        return self._read(name, int, default, "a whole number")

    def number(self, name: str, *, default: float) -> float:
        return self._read(name, _number, default, "a number")

    def texts(self, name: str, *, default: list[str]) -> list[str]:
        """Texts separated by commas, without the white space around them."""
        return self._read(name, _texts, default, "a list")

    def choice(self, name: str, choices: Sequence[str], *, default: str) -> str:
        """One of `choices`, as it is written there; the variable may write it in other letters."""
        by_name = {choice.lower(): choice for choice in choices}
        return self._read(name, lambda text: by_name[text.lower()], default, f"one of {', '.join(choices)}")

    def database(self, url: str) -> dict[str, Any]:
        """Django's configuration of the database that a URL names: PostgreSQL or SQLite."""
        if not url.startswith(SCHEMES):
            raise ImproperlyConfigured("DATABASE_URL must start with postgres:// or sqlite:///.")
        try:
            config: dict[str, Any] = self._env.db_url_config(url)
        except ValueError as error:
            raise ImproperlyConfigured(  # without the reason, which may quote a part of the password
                "DATABASE_URL cannot be read. Special characters in its password must be percent-encoded."
            ) from error
        return config

    def mail(self, url: str) -> dict[str, Any]:
        """Django's settings of the mail server that a URL names: smtp://, smtp+tls:// or smtp+ssl://, on their usual
        ports unless told; or consolemail://, filemail://, memorymail:// and dummymail://, which send nothing anywhere.
        """
        try:
            config: dict[str, Any] = self._env.email_url_config(url)
        except (ValueError, ImproperlyConfigured) as error:
            raise ImproperlyConfigured(  # without the reason, which may quote a part of the password
                "EMAIL_URL must be a URL such as smtp+tls://user:password@host:587, its special characters "
                "percent-encoded."
            ) from error
        usual = 587 if config.get("EMAIL_USE_TLS") else 465 if config.get("EMAIL_USE_SSL") else 25
        return {
            **config,
            "EMAIL_HOST": config["EMAIL_HOST"] or "localhost",
            "EMAIL_PORT": config["EMAIL_PORT"] or usual,
            "EMAIL_HOST_USER": config["EMAIL_HOST_USER"] or "",
            "EMAIL_HOST_PASSWORD": config["EMAIL_HOST_PASSWORD"] or "",
            "EMAIL_FILE_PATH": config["EMAIL_FILE_PATH"] or None,
        }

    def _read(self, name: str, cast: Callable[[str], T], default: T, kind: str) -> T:
        try:
            value: T = self._env(name, cast=cast, default=default)
        except (ValueError, KeyError) as error:
            raise ImproperlyConfigured(f"{name} must be {kind}, not {self._env.ENVIRON[name]!r}.") from error
        return value


def _truth(text: str) -> bool:
    if text.lower() not in TRUE | FALSE:
        raise ValueError(text)
    return text.lower() in TRUE


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _texts(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
