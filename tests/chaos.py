"""`make chaos`: kills a server under load a hundred times, and proves that nothing that was answered was forgotten."""

import sys
import tempfile
from pathlib import Path

from tests import environment  # noqa: F401 - the servers are to have the settings of the tests
from tests.processes import Installation
from tests.site import killing


def main(kills: int) -> None:
    with tempfile.TemporaryDirectory(prefix="lukhas-chaos-") as place:
        proof = killing.run(Installation(Path(place)), kills, lambda text: print(text, flush=True))
    print(f"{kills} kills: {proof.answered} answers, each recorded once; {proof.recorded} records")
    print(f"{proof.events} events that were answered, each kept and counted once, and no others")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
