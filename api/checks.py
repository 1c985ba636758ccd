"""System checks of the OpenAI wire: a configuration that cannot work fails `manage.py check`, with a hint."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

POSITIVE = (
    "LUKHAS_CHAT_THREADS",
    "LUKHAS_CHAT_SLOTS",
    "LUKHAS_CHAT_QUEUE",
    "LUKHAS_EMBED_THREADS",
    "LUKHAS_EMBED_QUEUE",
    "LUKHAS_MAX_BODY_BYTES",
    "LUKHAS_STREAM_PING_SECONDS",
    "LUKHAS_UPSTREAM_CONNECT_SECONDS",
    "LUKHAS_UPSTREAM_READ_SECONDS",
    "LUKHAS_UPSTREAM_CONNECTIONS",
    "LUKHAS_DATABASE_POOL",
)


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
