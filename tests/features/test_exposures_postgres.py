"""Exposures on PostgreSQL: they add up, whoever writes them."""

import threading

from django.db import connection

from features.models import ExposureCount
from features.recording import Recorder
from tests.features.exposing import exposure


def test_processes_that_write_the_same_exposures_at_once_lose_nothing_and_wait_for_nobody_for_ever(
    postgres: None,
) -> None:
    writers, rounds = 8, 25
    together = threading.Barrier(writers)
    known = [exposure(f"f{at}") for at in range(6)]
    failures: list[BaseException] = []

    def write(number: int) -> None:
        recorder = Recorder()
        try:
            together.wait()
            for turn in range(rounds):
                # In another order each time, as it happens to be in a dict.
                turned = known[(number + turn) % 6 :] + known[: (number + turn) % 6]
                recorder.write(dict.fromkeys(turned, 3))
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    found = ExposureCount.objects.order_by("flag").values_list("flag", "number")
    assert list(found) == [(each.flag, writers * rounds * 3) for each in known]
