"""The server with a sampler: `python -m benchmarks.sampling FILE PORT` serves. It looks from SIGUSR1 on, and at SIGUSR2
writes down where the time went.

Every so many milliseconds of processor time a signal looks at what runs. A sample belongs to the innermost frame that
one of STAGES knows; what C code takes belongs to who called it. Unlike a tracing profiler, it makes cheap calls no
dearer than others. A signal waits for Python, though: what uvloop reads from a socket counts for who is handed it.
"""

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from benchmarks.servers import ROOT

INTERVAL = 0.001
VALIDATION = """api/serializers/ api/requests api/parameters api/validators lukhas_site/http/serializers
lukhas_site/http/bodies lukhas_site/http/decoding rest_framework/"""
STAGES = tuple(
    (name, tuple(beginnings.split()))
    for name, beginnings in {
        "authentication": "accounts/authentication accounts/keys accounts/memo accounts/permissions accounts/principal",
        "limits": "accounts/limits/ api/estimates",
        "flags": "features/ api/rollouts api/targeting",
        "books": "analytics/",
        "routing": "api/routing api/catalog",
        "backend": "api/backends/ aiohttp/ yarl/ multidict/",
        "validation": VALIDATION,
        "metrics": "api/metrics lukhas_site/http/metrics lukhas_site/metrics/ prometheus_client/",
        "log line": "lukhas_site/logs structlog/",
        "edge": "lukhas_site/http/edge lukhas_site/http/exchange lukhas_site/http/co lukhas_site/roof",
        "view and answer": "api/ lukhas_site/http/ accounts/",
        "Django": "django/ asgiref/",
        "HTTP server": "uvicorn/protocols/",
    }.items()
)
"""What belongs to which stage, by the beginnings of paths; the first that knows a file has it."""
OTHER = "event loop and the rest"
"""What happens between callbacks."""


class Sampler:
    """Counts stages, and functions."""

    def __init__(self) -> None:
        self.stages: Counter[str] = Counter()
        self.functions: Counter[str] = Counter()
        self.known: dict[str, tuple[str, str]] = {}

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self.look)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)

    def write(self, file: Path) -> None:
        """Ends looking. The file is there at once, or not at all."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps({"stages": self.stages, "functions": dict(self.functions.most_common(40))}))
        unfinished.rename(file)

    def look(self, number: int, frame: FrameType | None) -> None:
        here: FrameType | None = frame
        while here is not None:
            stage, name = self.place(here.f_code.co_filename)
            if stage:
                self.stages[stage] += 1
                self.functions[f"{stage}: {name}:{here.f_code.co_qualname}"] += 1
                return
            here = here.f_back
        self.stages[OTHER] += 1

    def place(self, filename: str) -> tuple[str, str]:
        found = self.known.get(filename)
        if found is None:
            found = self.known[filename] = place(filename)
        return found


def place(filename: str) -> tuple[str, str]:
    """The stage of a file, and its path in the project or in its package; empty for what belongs to none."""
    if filename.startswith(str(ROOT)) and "site-packages" not in filename:
        name = str(Path(filename).relative_to(ROOT))
    else:
        name = filename.rpartition("site-packages/")[2]
    for stage, beginnings in STAGES:
        if name.startswith(beginnings):
            return stage, name
    return "", name


def main(file: str, port: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lukhas_site.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - the settings had to be named first

    sampler = Sampler()
    signal.signal(signal.SIGUSR1, lambda number, frame: sampler.start())
    signal.signal(signal.SIGUSR2, lambda number, frame: sampler.write(Path(file)))
    execute_from_command_line(["manage.py", "serve", "--port", port])


if __name__ == "__main__":
    main(*sys.argv[1:])
