"""What a usage record costs: writing it down, which a request waits for, and storing it, which a thread does beside.

Processor time of this process, and the time of the clock at p50 and p99. Run by itself: `python -m benchmarks.usage`.
"""

import os
import secrets
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks import report

GOAL_US = 100
RECORDS = 20_000


def run(rounds: int = 5) -> list[dict[str, Any]]:
    """One row a step: medians over the rounds, in microseconds a record."""
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"LUKHAS_DATA_DIR": place, "DJANGO_SETTINGS_MODULE": "lukhas_site.settings"}
        for name in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(name, None)
        import django  # noqa: PLC0415 - the environment had to be set first

        django.setup()
        from django.core.management import call_command  # noqa: PLC0415 - see above

        from analytics.draining import Drainer  # noqa: PLC0415 - see above
        from analytics.journal import Journal  # noqa: PLC0415 - see above

        call_command("migrate", verbosity=0)
        journal = Journal(Path(place) / "journal" / "bench")
        drainer = Drainer(journal)
        written, stored = [], []
        for _ in range(rounds):
            written.append(write(journal))
            stored.append(measured(drainer.round))
        journal.close()
    return [
        {
            "usage": "written down",
            "p50 µs": round(median(median(times) for times, _ in written), 1),
            "p99 µs": round(median(quantiles(times, n=100)[98] for times, _ in written), 1),
            "CPU µs": round(median(cpu for _, cpu in written), 1),
            "goal µs": GOAL_US,
        },
        {"usage": "stored", "p50 µs": "", "p99 µs": "", "CPU µs": round(median(stored), 1), "goal µs": ""},
    ]


def write(journal: Any) -> tuple[list[float], float]:
    """Appends records as a request does; the time of each, and the processor time of one on average."""
    from analytics.records import Record, encode  # noqa: PLC0415 - needs Django to be set up

    ids = [f"req_{secrets.token_hex(16)}" for _ in range(RECORDS)]
    at = time.time_ns() // 1000
    times = []
    before = time.process_time()
    for request_id in ids:
        begin = time.perf_counter()
        record = Record(
            request_id, at, "org-Xx7Yb2Jm5Qe9", "proj_Q8k3B8bEGSVWyjnsRXuHRdI4", "key_vyVsIaegZIpa2cvR4rd6xEv7",
            "svc_acct_Zq8Yb2Jm5Qe9", "/v1/chat/completions", "fast", "big-1", "vendor", 1, "", "", False, 200, "", 700,
            0, 300, 0, False, 1_234, None, 412_700, False, "python", "2.1.0",
        )  # fmt: skip
        journal.append(encode(record))
        times.append((time.perf_counter() - begin) * 1e6)
    return times, (time.process_time() - before) * 1e6 / RECORDS


def measured(work: Any) -> float:
    """Microseconds of processor time that `work` takes a record."""
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1e6 / RECORDS


if __name__ == "__main__":
    report.write("usage", run())
