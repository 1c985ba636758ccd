"""Answers of flags as OFREP has them: JSON that is written once for each outcome, and put together from then on."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson

from features.definitions import Json
from features.evaluation import Evaluation
from features.exposures import exposures
from features.loading import Stage
from features.ofrep.errors import EvaluationFailed, InvalidContext
from lukhas_site.http.bodies import parse_json

Context = dict[str, Any]


def parse_context(content_type: str, body: bytes) -> Context:
    """The context of a request. Raises DRF's ParseError and UnsupportedMediaType, and InvalidContext."""
    context = parse_json(content_type, body).get("context")
    if not isinstance(context, dict):
        raise InvalidContext
    return context


@dataclass(frozen=True, slots=True)
class Answers:
    """Those of one stage; `streams` are the event streams that its caller is offered, as JSON, or nothing. `project` is
    the public id of who asks; None where it is not to be kept who that was."""

    stage: Stage
    streams: bytes = b""
    project: str | None = None

    def one(self, key: str, context: Context) -> bytes:
        """The answer of one flag. Raises EvaluationFailed."""
        found = self.stage.ruleset.evaluate(key, context)
        exposures.count(self.stage, key, found, context, self.project)
        if found.error is not None:
            raise EvaluationFailed(found.error)
        return self._written(key, found)

    def all(self, context: Context, now: datetime) -> bytes:
        """The answers of all flags, errors included. The caller keeps them and asks no more, so that each counts."""
        found = self.stage.ruleset.evaluate_all(context, now)
        exposures.count_all(self.stage, found, context, self.project)
        flags = b",".join([self._written(key, each) for key, each in found.items()])
        return (
            b'{"flags":[%b],"eventStreams":%b}' % (flags, self.streams) if self.streams else b'{"flags":[%b]}' % flags
        )

    def etag(self, context: Context, now: datetime) -> str:
        """Changes when an answer of any flag to this context could: with the flags, the environment, the context, and
        whenever a window opens or closes; and with the streams that are offered. Costs no evaluation."""
        opens = self.stage.ruleset.next_change(now)
        asked = orjson.dumps(
            [self.stage.environment, context, None if opens is None else opens.isoformat()], option=orjson.OPT_SORT_KEYS
        )
        return f'"{blake2b(asked + self.streams, digest_size=16, key=self.stage.digest).hexdigest()}"'

    def _written(self, key: str, found: Evaluation) -> bytes:
        """Each outcome exists once for as long as the ruleset does; what was written of it is kept beside it."""
        kept = self.stage.kept.get((key, id(found)))
        if kept is None:
            kept = self.stage.kept[key, id(found)] = (found, orjson.dumps(self._told(key, found)))
        written: bytes = kept[1]
        return written

    def _told(self, key: str, found: Evaluation) -> dict[str, Json]:
        if found.error is not None:
            return {"key": key, "errorCode": found.error.code, "errorDetails": found.error.details}
        told: dict[str, Json] = {"key": key, "reason": found.reason, "variant": found.variant or ""}
        if found.variant is not None:
            told["value"] = float(found.value) if self.stage.ruleset.flags[key].answers_floats else found.value
        if found.metadata:
            told["metadata"] = dict(found.metadata)
        return told


def is_current(asked: str, etag: str) -> bool:
    """Whether an If-None-Match names this tag: `*` names all, lists are read, and weak tags are as good (RFC 9110,
    13.1.2)."""
    tags = (tag.strip().removeprefix("W/") for tag in asked.split(","))
    return asked.strip() == "*" or any(tag in (etag, etag.strip('"')) for tag in tags)
