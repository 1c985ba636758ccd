"""Why /api/features turns a request away, beside what `accounts.exceptions` and `features.protection` have.

APIException (DRF)
├── EnvironmentProtected (403)   environment_protected, in `features.protection`
└── PreconditionFailed (412)     precondition_failed: the flag is not what If-Match says it is
"""

from collections.abc import Iterator
from contextlib import contextmanager

from rest_framework.exceptions import APIException, ValidationError

from features.models.ruling import Unfit
from features.problems import MISSING, UNKNOWN, Invalid, Problem

MOST_SHOWN = 200
"""Characters of a place or a message."""
CODES = {MISSING: "required", UNKNOWN: "unknown_parameter"}


class PreconditionFailed(APIException):
    """412: somebody changed the flag since the caller read it. Nothing was done."""

    status_code = 412
    type = "invalid_request_error"
    code = "precondition_failed"
    param: str | None = None

    def __init__(self) -> None:
        self.message = (
            "The feature was changed since you read it: its ETag is no longer the one in your If-Match header. "
            "Nothing was changed. Read it again."
        )
        self.headers: dict[str, str] = {}
        super().__init__(self.message)


@contextmanager
def telling() -> Iterator[None]:
    """Within this, what is wrong with flags is told as what is wrong with the request: the first problem, by its place.
    Raises DRF's ValidationError."""
    try:
        yield
    except Invalid as error:
        raise refusal(error.problems[0]) from error
    except Unfit as error:
        raise refusal(error.problems[0][1]) from error


def refusal(problem: Problem) -> ValidationError:
    place, message = problem.place[:MOST_SHOWN], problem.message[:MOST_SHOWN]
    return ValidationError({place: [f"It {message}."]} if place else [message], CODES.get(message, "invalid_value"))
