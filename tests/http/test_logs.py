"""Logs are one JSON object a line, whoever writes them."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from lukhas_site import logs

LIBRARIES = ("django.request", "django.server", "uvicorn.error", "some.library")


class Terminal(io.TextIOWrapper):
    """Standard error as a process has it, kept in memory."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    @property
    def lines(self) -> list[str]:
        self.flush()
        buffer: Any = self.buffer
        return list(buffer.getvalue().decode().splitlines())

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


Configure = Callable[[str, str], Terminal]


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Configure]:
    """`configured(level, format)`: standard error, with logs set up to go there until the test ends."""

    def configure(level: str, format: str) -> Terminal:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        logs.configure(level, format)
        return terminal

    before = structlog.get_config()
    yield configure
    monkeypatch.undo()
    logs.configure_django(settings.LOGGING)
    structlog.configure(**before)  # loggers that are in use already hold on to what they were configured with


def test_a_line_says_when_to_the_microsecond_whatever_the_second(
    configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = configured("INFO", "json")
    for at in (1_700_000_000_000_001_999, 1_700_000_000_999_999_999, 1_700_000_001_000_000_000):
        monkeypatch.setattr(logs, "time_ns", lambda at=at: at)
        structlog.get_logger().info("request")

    assert [line["timestamp"] for line in stderr.objects] == [
        "2023-11-14T22:13:20.000001Z",
        "2023-11-14T22:13:20.999999Z",
        "2023-11-14T22:13:21.000000Z",
    ]


def test_a_line_of_ours_is_a_json_object(configured: Configure) -> None:
    stderr = configured("INFO", "json")

    structlog.get_logger().info("request", status=200, odd=object)

    (line,) = stderr.objects
    assert (line["event"], line["status"], line["level"], line["odd"]) == ("request", 200, "info", "<class 'object'>")
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_line_of_a_library_has_the_same_shape(configured: Configure, name: str) -> None:
    stderr = configured("INFO", "json")

    logging.getLogger(name).warning("%s happened\n", "it")

    (line,) = stderr.objects
    assert (line["event"], line["logger"], line["level"]) == ("it happened\n", name, "warning")
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("get_logger", [structlog.get_logger, logging.getLogger])
def test_a_traceback_is_part_of_its_line(configured: Configure, get_logger: Any) -> None:
    stderr = configured("INFO", "json")
    try:
        int("broken")
    except ValueError as error:
        get_logger("django.request").error("crash", exc_info=error)

    (line,) = stderr.objects
    assert line["event"] == "crash"
    assert "Traceback" in line["exception"]
    assert "ValueError: invalid literal" in line["exception"]


def test_what_is_below_the_level_is_not_written(configured: Configure) -> None:
    stderr = configured("warning", "json")

    structlog.get_logger().info("request")
    logging.getLogger("django").info("hello")
    logging.getLogger("django").warning("careful")

    assert [line["event"] for line in stderr.objects] == ["careful"]


def test_uvicorn_writes_no_access_log(configured: Configure) -> None:
    stderr = configured("DEBUG", "json")
    access = logging.getLogger("uvicorn.access")

    assert not access.hasHandlers()
    access.info("GET /?secret")
    assert stderr.lines == []


def test_a_host_that_is_not_allowed_is_no_traceback(configured: Configure) -> None:
    stderr = configured("DEBUG", "json")
    logging.getLogger("django.security.DisallowedHost").error("Invalid HTTP_HOST header: 'evil'")

    assert stderr.lines == []


def test_the_handlers_that_django_and_uvicorn_bring_are_taken_away(configured: Configure) -> None:
    brought = io.StringIO()
    for name in ("django", "uvicorn"):
        logging.getLogger(name).addHandler(logging.StreamHandler(brought))

    stderr = configured("INFO", "json")
    for name in ("django", "uvicorn"):
        logging.getLogger(name).warning("once")

    assert len(stderr.lines) == 2
    assert brought.getvalue() == ""


def test_people_get_lines_to_read(configured: Configure) -> None:
    stderr = configured("INFO", "console")

    structlog.get_logger().info("request", status=200)
    logging.getLogger("django").warning("hello")

    ours, theirs = stderr.lines
    assert "request" in ours
    assert "status=200" in ours
    assert "hello" in theirs
    assert not ours.startswith("{")


@pytest.mark.parametrize(("level", "format"), [("LOUD", "json"), ("INFO", "xml")])
def test_unknown_names_are_refused(level: str, format: str) -> None:
    with pytest.raises(ValueError, match=r"'(LOUD|xml)'"):
        logs.configure(level, format)
