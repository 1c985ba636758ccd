"""What asking a flag gives: immutable, and shared between callers, so that answering makes nothing new."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from features.conditions import Json

Reason = Literal["STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED", "ERROR"]
"""STATIC: on, and nothing to decide. TARGETING_MATCH: a rule answered. SPLIT: a rule did, by weight. DEFAULT: no rule
did. DISABLED: switched off, or a prerequisite does not hold. ERROR: see `Evaluation.error`."""
ErrorCode = Literal["FLAG_NOT_FOUND", "TARGETING_KEY_MISSING", "INVALID_CONTEXT", "GENERAL"]
"""As OFREP has them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer. `details` names nothing of the context but attributes."""

    code: ErrorCode
    details: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at, by its place in the flag's state, such as `rules[0].conditions[1]`; and whether it
    held. `why` holds no value of the context."""

    place: str
    held: bool
    why: str

    def to_data(self) -> dict[str, Json]:
        return {"place": self.place, "held": self.held, "why": self.why}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A flag's answer. `variant` is None where there is no value: the client's own default counts.

    `rule` is the place of the rule that answered, from 0. `trace` is what `explain` fills. `metadata` is the flag's.
    `value` is the flag's own object: not to be changed.
    """

    value: Json
    variant: str | None
    reason: Reason
    rule: int | None = None
    trace: tuple[Step, ...] = ()
    error: Failure | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)


def failure(code: ErrorCode, details: str) -> Evaluation:
    return Evaluation(None, None, "ERROR", error=Failure(code, details))


INVALID_CONTEXT = failure("INVALID_CONTEXT", "the context must be an object")


def not_found() -> Evaluation:
    return failure("FLAG_NOT_FOUND", "there is no such flag")
