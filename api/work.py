"""One request under way, and its end: what it used is settled, recorded, and left for the log line, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Any

from accounts.limits.gate import Reservation
from accounts.principal import Principal
from analytics import usage
from analytics.exceptions import JournalUnavailable
from analytics.models.usage import WORD_LENGTH
from analytics.records import Record, bounded, cleaned, encode
from api import metrics
from api.backends.base import Backend, Call, Usage
from api.breakers import breakers
from api.course import Course
from api.errors import translate
from lukhas_site.http.edge import CLIENT_CLOSED_REQUEST
from lukhas_site.http.exchange import Exchange
from lukhas_site.http.problems import ServerStopping
from lukhas_site.http.sse import opened

UPSTREAM_HEADER, ATTEMPTS_HEADER = "x-lukhas-upstream", "x-lukhas-attempts"
HUNG_UP = "client_closed_request"
MILLION = 1_000_000
AGENT_LENGTH = 200
Client = tuple[str, str]
"""What a caller's program is written in, or is, and its version."""


@dataclass(slots=True)
class Work:
    """One request under way: nothing may be awaited between its making and the `try` that ends with `end`.

    `asked` is the model that the caller asked for. The request itself is not kept, for it may be large, and a stream go
    on for long. `at` is when it came in, in microseconds since 1970; `first_at` when the first piece of a stream was
    there, on the clock of the exchange, 0 before that. `course` is where else the request may go, where that was asked
    already.
    """

    asked: str
    caller: Principal
    exchange: Exchange
    call: Call
    backend: Backend
    reservation: Reservation
    prompt_tokens: int
    answer_tokens: int
    endpoint: str
    at: int
    client: Client
    course: Course | None = None
    first_at: float = 0.0
    ended: bool = False

    def begun(self) -> None:
        """The first piece of a stream is there."""
        self.first_at = perf_counter()
        if breakers.troubled:
            breakers.answered(self.call.target.place)
        self._tell()
        self.reservation.headers.clear()  # they go out with it

    def end(self, answered: int | None, error: BaseException | None = None) -> None:
        """Settles what was used, and records it. Does nothing where that was done.

        Where nobody tells the usage, an answer used its prompt and the tokens that were `answered`; one that never
        began (None) used nothing. `error` is what ended it instead of its own end. Raises JournalUnavailable where a
        good answer cannot be recorded: then it must not be given.
        """
        if self.ended:
            return
        self.ended = True
        if self.course is not None or breakers.troubled or error is not None:
            self._come_back(error)
        if not self.first_at:
            self._tell()
        _note(self.call, self.exchange)
        used = self.call.usage
        if used is None:
            used = Usage(0) if answered is None else Usage(self.prompt_tokens, answered)
        cost = self.call.target.cost(used.input_tokens, used.output_tokens, used.cached_tokens)
        self.reservation.settle(used.input_tokens + used.output_tokens, cost)
        if self.call.attempts == 0:
            return  # no model was reached: it is counted where its error is rendered
        self.exchange.recorded = True
        status, code = self._outcome(error)
        record = self._record(used, cost, status, code)
        kept = usage.journal.append(encode(record))
        if not kept:
            if error is None:
                record = record._replace(status=JournalUnavailable.status_code, error_code=JournalUnavailable.code)
            usage.journal.owe(encode(record))
        metrics.observe(record)
        if not kept and error is None:
            raise JournalUnavailable

    def _come_back(self, error: BaseException | None) -> None:
        """Says what the deployment proved to be, where it has not been said."""
        place, failure = self.call.target.place, self.call.failure
        if failure is not None and failure.broken:
            breakers.failed(place)
        elif error is None and not self.first_at:
            breakers.answered(place)
        if self.course is not None:
            self.course.leave()
            self.course.error = None  # which holds the frames that hold this

    def _tell(self) -> None:
        """Tells the caller who was asked, and how often, if anybody was."""
        if self.call.attempts:
            self.exchange.headers[UPSTREAM_HEADER] = self.call.target.upstream
            self.exchange.headers[ATTEMPTS_HEADER] = str(self.call.attempts)

    def _outcome(self, error: BaseException | None) -> tuple[int, str]:
        if error is None:
            return 200, ""
        if not isinstance(error, Exception):
            if opened.stopping:
                return ServerStopping.status_code, ServerStopping.code
            return CLIENT_CLOSED_REQUEST, HUNG_UP
        told = translate(error, self.exchange)
        return told.status_code, cleaned(told.code or told.type, WORD_LENGTH)

    def _record(self, used: Usage, cost: int, status: int, code: str) -> Record:
        caller, exchange, call, target = self.caller, self.exchange, self.call, self.call.target
        started, first_at = exchange.started, self.first_at
        language, version = self.client
        rollout = call.rollout
        return Record(
            exchange.request_id,
            self.at,
            caller.organization_id,
            caller.project_id or "",
            caller.key_id,
            caller.owner_id,
            self.endpoint,
            self.asked,
            target.model,
            target.upstream,
            call.attempts,
            rollout.flag if rollout else "",
            (rollout.variant or "") if rollout else "",
            "stream" in exchange.facts,
            status,
            code,
            bounded(used.input_tokens),
            bounded(used.cached_tokens),
            bounded(used.output_tokens),
            bounded(used.reasoning_tokens),
            call.usage is None,
            bounded(cost),
            int((first_at - started) * MILLION) if first_at else None,
            int((perf_counter() - started) * MILLION),
            used.cached_tokens > 0,
            language,
            version,
        )


def client_of(headers: Mapping[str, Any]) -> Client:
    """What the caller's program says of itself in the META of its request: official SDKs their language and version,
    all others the first product of their User-Agent."""
    if language := headers.get("HTTP_X_STAINLESS_LANG"):
        return _sdk(language[:WORD_LENGTH], headers.get("HTTP_X_STAINLESS_PACKAGE_VERSION", "")[:WORD_LENGTH])
    return _product(headers.get("HTTP_USER_AGENT", "")[:AGENT_LENGTH])


@lru_cache(maxsize=256)
def _sdk(language: str, version: str) -> Client:
    return cleaned(language, WORD_LENGTH), cleaned(version, WORD_LENGTH)


@lru_cache(maxsize=256)
def _product(agent: str) -> Client:
    """RFC 9110, 10.1.5: `name/version`, and more after a space."""
    name, _, version = agent.lstrip().partition(" ")[0].partition("/")
    return cleaned(name, WORD_LENGTH).lower(), cleaned(version, WORD_LENGTH)


def _note(call: Call, exchange: Exchange) -> None:
    """What the log line says of the answer."""
    if call.usage is not None:
        exchange.facts["input_tokens"] = call.usage.input_tokens
        exchange.facts["output_tokens"] = call.usage.output_tokens
    if call.attempts > 1:
        exchange.facts["attempts"] = call.attempts
    if call.upstream_request_id:
        exchange.facts["upstream_request_id"] = call.upstream_request_id
