"""The environment of the tests, set before Django's settings are read (loaded with -p, see pyproject.toml)."""

import atexit
import os
import pathlib
import shutil
import signal
import tempfile

_data = tempfile.mkdtemp(prefix="lukhas-tests-")
for _name in ("static", "certificates"):
    (pathlib.Path(_data) / _name).mkdir()
atexit.register(shutil.rmtree, _data, ignore_errors=True)

# A shell that runs the tests in the background has Ctrl-C ignored, by the processes that they start as well.
signal.signal(signal.SIGINT, signal.default_int_handler)

OURS = ("LUKHAS_", "OTEL_", "DATABASE_URL", "REDIS_URL", "EMAIL_URL")
# What is for the tests themselves: they can be run on another database than SQLite, and leave pictures behind.
FOR_TESTS = ("LUKHAS_TESTS_COMPLETE", "LUKHAS_TESTS_WITHOUT", "LUKHAS_TESTS_SCREENSHOTS")
KEPT = {name: os.environ[name] for name in FOR_TESTS if name in os.environ}
DATABASE_URL = os.environ.get("LUKHAS_TESTS_DATABASE_URL", "")

for _name in [name for name in os.environ if name.startswith(OURS)]:
    del os.environ[_name]

# No test speaks TLS with anybody, and each HTTP client would read the certificates of all authorities, for 35 ms.
os.environ.pop("SSL_CERT_FILE", None)

os.environ.update(
    **KEPT,
    DATABASE_URL=DATABASE_URL,
    LUKHAS_DATA_DIR=_data,
    SECRET_KEY="only-for-tests-" + "x" * 40,
    LUKHAS_PRELOAD_MODELS="0",
    LUKHAS_STATICFILES_STORAGE="django.contrib.staticfiles.storage.StaticFilesStorage",
    OPENAI_API_KEY="",
    HF_HUB_OFFLINE="1",
    SSL_CERT_DIR=str(pathlib.Path(_data) / "certificates"),
    TOKENIZERS_PARALLELISM="true",
)


def pytest_report_header() -> str:
    """The database that the tests run on, among the first lines of the report."""
    from django.db import connection

    return f"database: {connection.vendor}"
