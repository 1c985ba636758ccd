"""An event as the server keeps it, or why it does not: what is left of it once it was judged, and no more.

Nothing that came in raw is here: properties are redacted, who it was is a keyed hash, and where from a network.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from analytics import lines
from analytics.records import EPOCH

Key = tuple[str, str]
"""A project and the id of an event."""
HOUR = 3_600_000_000
"""In microseconds."""


class Entry(NamedTuple):
    """One event of a project, by its public id. Times are in microseconds since 1970, UTC.

    `at` is when it happened, by the server's clock, and `received_at` when it came in. `properties` is a JSON object as
    text. `session` and `person` are keyed hashes, `network` the truncated address, each empty where nothing is known.
    `kept` says that it is stored as it is; otherwise it is counted, and only that its id was there is known afterwards.
    `counted` is the name that it is counted under, `hour` the hour in which. `limit` is how many of the name the
    project may send within an hour, 0 for any number. `code` is why it was rejected, in one word, and `message` in a
    sentence; both are empty for what is good.
    """

    project_id: str
    event_id: str
    name: str
    properties: str
    at: int
    received_at: int
    session: str
    person: str
    browser: str
    network: str
    kept: bool
    counted: str
    hour: int
    limit: int = 0
    code: str = ""
    message: str = ""

    @property
    def key(self) -> Key:
        """What there is once."""
        return self.project_id, self.event_id

    def bare(self) -> "Entry":
        """What is left where only counts are kept: its id, and the hour in which it came in."""
        came = self.received_at // HOUR * HOUR
        return self._replace(
            name="",
            properties="{}",
            at=came,
            received_at=came,
            session="",
            person="",
            browser="",
            network="",
            kept=False,
        )


def moment(microseconds: int) -> datetime:
    """A time of an entry as Django takes it."""
    return EPOCH + timedelta(microseconds=microseconds)


def encode(entry: Entry) -> bytes:
    """The line of a journal that an entry is kept as, its newline included."""
    return lines.written(entry)


def decode(line: bytes) -> Entry:
    """The entry of a line, given without its newline. Raises NotALine."""
    try:
        return Entry(*lines.read(line)[: len(Entry._fields)])
    except TypeError as error:
        raise lines.NotALine("other fields") from error
