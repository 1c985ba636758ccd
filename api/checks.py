"""System checks of the OpenAI wire: a configuration that cannot work fails `manage.py check`, with a hint."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ValidationError

from api.validators import key_variable

POSITIVE = (
    "LUKHAS_CHAT_THREADS",
    "LUKHAS_CHAT_SLOTS",
    "LUKHAS_CHAT_QUEUE",
    "LUKHAS_EMBED_THREADS",
    "LUKHAS_EMBED_QUEUE",
    "LUKHAS_MAX_BODY_BYTES",
    "LUKHAS_UPSTREAM_TRY_SECONDS",
    "LUKHAS_STREAM_PING_SECONDS",
    "LUKHAS_UPSTREAM_CONNECT_SECONDS",
    "LUKHAS_UPSTREAM_READ_SECONDS",
    "LUKHAS_UPSTREAM_FIRST_SECONDS",
    "LUKHAS_UPSTREAM_WHOLE_SECONDS",
    "LUKHAS_UPSTREAM_CONNECTIONS",
    "LUKHAS_BREAKER_FAILURES",
    "LUKHAS_BREAKER_WINDOW_SECONDS",
    "LUKHAS_BREAKER_OPEN_SECONDS",
    "LUKHAS_DATABASE_POOL",
)
NOT_NEGATIVE = ("LUKHAS_UPSTREAM_RETRIES", "LUKHAS_UPSTREAM_RETRY_SECONDS")


@register()
def embedded_models(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """api.E001: LUKHAS_CHAT_GGUF must name a file."""
    gguf = settings.LUKHAS_CHAT_GGUF
    if gguf and not Path(gguf).is_file():
        return [
            Error(
                f"LUKHAS_CHAT_GGUF names no file: {gguf}",
                hint="Give the path of a GGUF file, or leave it empty for the embedded model.",
                id="api.E001",
            )
        ]
    return []


@register()
def key_variables(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """api.E004: LUKHAS_UPSTREAM_KEY_VARS must name variables, and none of this server's own."""
    return [
        Error(
            f"LUKHAS_UPSTREAM_KEY_VARS: {message}",
            hint="List the names of environment variables that hold keys of upstreams, separated by commas.",
            id="api.E004",
        )
        for name in settings.LUKHAS_UPSTREAM_KEY_VARS
        for message in _complaints(name)
    ]


def _complaints(name: str) -> list[str]:
    """Why it cannot name the variable of a key. What names none is not repeated, for it may be a key."""
    try:
        key_variable(name)
    except ValidationError as error:
        return error.messages
    return []


@register()
def positive_numbers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """api.E002: sizes and times must be above zero."""
    return [
        Error(
            f"{name} must be above zero, not {getattr(settings, name)}.",
            hint=f"See {name} in docs/settings.md.",
            id="api.E002",
        )
        for name in POSITIVE
        if getattr(settings, name) <= 0
    ]


@register()
def retries(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """api.E003: there can be no retries, but not fewer."""
    return [
        Error(
            f"{name} must not be below zero, and is {getattr(settings, name)}.",
            hint=f"See {name} in docs/settings.md; 0 is for no retries.",
            id="api.E003",
        )
        for name in NOT_NEGATIVE
        if getattr(settings, name) < 0
    ]
