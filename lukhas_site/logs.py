"""Logs: one JSON object a line on standard error, from structlog and from the standard library alike.

`request` lines, one a request, come from the edge through structlog, on a path made to cost microseconds. Whatever
Django, uvicorn and other libraries log takes the same shape: event, level, logger, timestamp, exception.
"""

import logging
import logging.config
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from time import time_ns
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor


class _Timestamp:
    """Adds the time of an event in UTC, as ISO 8601 to the microsecond. The text of a second is made once."""

    def __init__(self) -> None:
        self._second = (0, "")

    def __call__(self, logger: Any, name: str, event: EventDict) -> EventDict:
        now, nanoseconds = divmod(time_ns(), 1_000_000_000)
        second, text = self._second
        if second != now:
            text = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = (now, text)  # both at once: threads share this
        event["timestamp"] = f"{text}.{nanoseconds // 1000:06d}Z"
        return event


_SHARED: tuple[Processor, ...] = (structlog.stdlib.add_log_level, _Timestamp())


def configure(level: str, format: str) -> None:
    """Sets up both loggers. `level` is one of logging's names; `format` is `json`, or `console` for people.

    Raises ValueError for any other level or format.
    """
    numeric = logging.getLevelNamesMapping().get(level.upper())
    if numeric is None:
        raise ValueError(f"Unknown log level: {level!r}.")
    if format not in {"json", "console"}:
        raise ValueError(f"Unknown log format: {format!r}. Known: json, console.")
    as_json = format == "json"
    structlog.configure(
        processors=[*_SHARED, *_renderers(as_json=as_json)],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer)
        if as_json
        else structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(_standard_library(level.upper(), as_json=as_json))


def configure_django(options: Mapping[str, str]) -> None:
    """What LOGGING_CONFIG names: Django calls it with LOGGING, here the arguments of `configure`."""
    configure(**options)


def _renderers(*, as_json: bool) -> list[Processor]:
    if as_json:
        return [structlog.processors.format_exc_info, _json_line]
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _json_line(logger: Any, name: str, event: EventDict) -> bytes:
    return orjson.dumps(event, default=repr)


def _text(logger: Any, name: str, line: Any) -> str:
    """The standard library writes text, and `_json_line` makes bytes."""
    return line.decode() if isinstance(line, bytes) else str(line)


def _standard_library(level: str, *, as_json: bool) -> dict[str, Any]:
    """For dictConfig. Takes away the handlers that Django and uvicorn bring; uvicorn's access log is off, for the
    edge writes a better line."""
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [structlog.stdlib.add_logger_name, *_SHARED],
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_renderers(as_json=as_json),
            _text,
        ],
    }
    to_root: dict[str, Any] = {"handlers": [], "level": level, "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": sys.stderr}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": to_root,
            "django.server": to_root,
            "uvicorn": to_root,
            "uvicorn.error": to_root,
            # A wrong Host header is the caller's fault: a 400 in the edge's line, not a traceback.
            "django.security.DisallowedHost": {"handlers": [], "level": "CRITICAL", "propagate": False},
            "uvicorn.access": {"handlers": [], "level": "CRITICAL", "propagate": False},
        },
    }
