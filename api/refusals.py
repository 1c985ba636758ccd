"""What is refused before a model is asked: 429 for a limit or a budget, in OpenAI's words, 503 where no server that
could be asked is likely to answer, or policies cannot be asked, and 409 for an Idempotency-Key that is in use or was
used otherwise."""

from collections.abc import Iterable, Mapping
from math import ceil

from api.exceptions import APIError, Conflict, Overloaded


class RateLimited(APIError):
    """A limit is reached: of `project`, or of the organisation or API key that `scope` says it is.

    `unit` is `requests`, `tokens` or `in_flight`, `period` `minute`, `day` or, for what is in flight, empty.
    `retry_after` is in seconds, None where the request is larger than the whole limit.
    """

    status_code = 429
    code = "rate_limit_exceeded"

    def __init__(
        self,
        *,
        unit: str,
        model: str,
        project: str,
        limit: int,
        used: int,
        requested: int,
        retry_after: float | None,
        scope: str = "project",
        period: str = "minute",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        on = LIMITED_ON[unit, period]
        numbers = f"Limit {limit}, Used {used}, Requested {requested}."
        if retry_after is None:
            start, end = "Request too large", "It does not fit the limit, however long you wait."
            wait = {"x-should-retry": "false"}
        else:
            start, end = "Rate limit reached", f"Please try again in {round(retry_after, 3):g}s."
            wait = waiting(retry_after)
        super().__init__(f"{start} for {model} in {scope} {project} on {on}: {numbers} {end}")
        self.headers = {**(headers or {}), **wait}
        self.type = "tokens" if unit == "tokens" else "requests"


def waiting(seconds: float) -> dict[str, str]:
    """The headers that say when to try again."""
    return {"retry-after": str(ceil(seconds)), "retry-after-ms": str(ceil(seconds * 1000))}


LIMITED_ON = {
    ("requests", "minute"): "requests per min (RPM)",
    ("requests", "day"): "requests per day (RPD)",
    ("tokens", "minute"): "tokens per min (TPM)",
    ("tokens", "day"): "tokens per day (TPD)",
    ("in_flight", ""): "requests in flight",
}


class QuotaExceeded(APIError):
    status_code = 429
    type = "insufficient_quota"
    code = "insufficient_quota"
    default_detail = "You exceeded your current quota, please check your plan and billing details."

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`retry_after` is in seconds, None where the budget is spent."""
        wait = {"x-should-retry": "false"} if retry_after is None else waiting(retry_after)
        super().__init__(message, headers={**(headers or {}), **wait})


class UpstreamsDown(Overloaded):
    """No deployment of these models works, as far as is known; the next one is tried in so many seconds."""

    code = "upstreams_down"

    def __init__(self, models: Iterable[str], seconds: float) -> None:
        super().__init__(
            f"No server for this model answers at the moment. {tried(models)} Please try again later.",
            retry_after=max(1, ceil(seconds)),
        )


class GuardianUnavailable(Overloaded):
    """A policy that might refuse the request cannot tell at the moment."""

    code = "guardian_unavailable"
    default_detail = "The policies of this server cannot be asked at the moment. Please try again later."


def tried(models: Iterable[str]) -> str:
    """Which models were tried, in words."""
    return f"Models tried: {', '.join(f'`{model}`' for model in models)}."


class KeyInUse(Conflict):
    """The first request with this Idempotency-Key has not been answered yet."""

    code = "idempotency_key_in_use"

    def __init__(self) -> None:
        message = "A request with this Idempotency-Key is being answered. Please ask again for its answer."
        super().__init__(message, code=self.code)
        self.headers = {"retry-after": "1", "x-should-retry": "true"}


class KeyReused(Conflict):
    """The Idempotency-Key was used for another request."""

    code = "idempotency_key_reuse"

    def __init__(self) -> None:
        message = "This Idempotency-Key was used for another request. Use a new key for each."
        super().__init__(message, code=self.code)
