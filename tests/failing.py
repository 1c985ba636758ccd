"""Tells whoever runs the suite which tests failed: one id a line, in the file that PYTEST_FAILED_FILE names."""

import os
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "PYTEST_FAILED_FILE"
FILE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Takes the variable away from the environment: runs of pytest within this one are not meant."""
    if name := os.environ.pop(VARIABLE, ""):
        config.stash[FILE] = name


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    name = config.stash.get(FILE, "")
    if name:
        failed = [report.nodeid for kind in ("failed", "error") for report in terminalreporter.stats.get(kind, ())]
        Path(name).write_text("".join(f"{each}\n" for each in dict.fromkeys(failed)))
