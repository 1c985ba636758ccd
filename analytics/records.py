"""The usage record: what one request that reached a model used, and the line of a journal that it is kept as.

Such a line, see `analytics.lines`, holds the record's values in the order of its fields.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from analytics import lines

NotARecord = lines.NotALine
MOST = 2**63 - 1
"""The largest whole number that a database keeps."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Record(NamedTuple):
    """One request. Ids are public ones, as text; what does not apply is an empty text, and nothing here is a body.

    `at` is when the request came in, in microseconds since 1970 in UTC. `endpoint` is the path, `model_asked` the name
    that was asked for and `model` the model that answered, through `upstream`, which was asked `attempts` times. `flag`
    is the rollout that chose the model, and `variant` what it said. `status` is the one of the answer; 499 where the
    caller hung up first, and that of the error where a stream was cut. Tokens are whole; cached ones are part of the
    input, reasoning ones of the output; `estimated` says that nobody told them, and that they are those the request was
    reckoned with. `cost_micro` is in micro-dollars, at the price of that moment. `first_token_us`, None where there was
    no stream or it never began, and `duration_us` are in microseconds, by a clock that never goes back. `cache_hit`
    says that a part of the prompt was read from a cache.
    """

    request_id: str
    at: int
    organization_id: str
    project_id: str
    key_id: str
    user_id: str
    endpoint: str
    model_asked: str
    model: str
    upstream: str
    attempts: int
    flag: str
    variant: str
    stream: bool
    status: int
    error_code: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    estimated: bool
    cost_micro: int
    first_token_us: int | None
    duration_us: int
    cache_hit: bool
    client_language: str
    client_version: str

    @property
    def moment(self) -> datetime:
        """`at` as Django takes it."""
        return EPOCH + timedelta(microseconds=self.at)


def encode(record: Record) -> bytes:
    """The line of a record, its newline included."""
    return lines.written(record)


def decode(line: bytes) -> Record:
    """The record of a line, given without its newline. Raises NotARecord."""
    try:
        return Record(*lines.read(line)[: len(Record._fields)])
    except TypeError as error:
        raise NotARecord("other fields") from error


def bounded(value: int) -> int:
    """`value` as far as a database can keep it."""
    return min(value, MOST)


def cleaned(text: str, length: int) -> str:
    """A text of somebody else's as every database takes it: at most so long, and without NUL."""
    return text.replace("\0", "")[:length]
