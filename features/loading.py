"""From rows to rulesets: reads all flags, and compiles anew those of the organisations in which something changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from threading import Lock
from typing import Any

import orjson
import structlog

from features.compiling import Ruleset, compile_ruleset
from features.conditions import Segment as SegmentDefinition
from features.definitions import FlagDefinition, FlagState
from features.models import Environment, Flag, FlagsVersion, ProjectEnvironment, Segment
from features.models import FlagState as StateRow
from features.models.environments import PRODUCTION
from features.models.flags import WORDS
from features.problems import Invalid

ATTEMPTS = 3
ORGANIZATION = "organization__public_id"
FLAG = ("key", "kind", "variants", *WORDS)
STATE = ("enabled", "off_variant", "default_variant", "rules", "prerequisites")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stage:
    """An organisation's flags in one environment, by its public id and the environment's key. `digest` is of everything
    that they were made of, and of no other environment; `kept` is for what others make of them, and want for as long as
    they are the same."""

    organization: str
    environment: str
    digest: bytes
    ruleset: Ruleset
    kept: dict[Any, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Compiled:
    """One organisation, by its public id: its flags, by the digest of what each was read from; its segments; the
    environment of each project that is not in production; and its stages. Those that projects are in are made at once,
    others when they are asked for. `digest` is of all that, `digests` are of what each environment is made of."""

    organization: str
    digest: bytes
    digests: Mapping[str, bytes]
    flags: Mapping[bytes, FlagDefinition]
    segments: tuple[SegmentDefinition, ...]
    projects: Mapping[str, str]
    stages: dict[str, Stage] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def stage(self, environment: str) -> Stage:
        found = self.stages.get(environment)
        if found is None:
            with self.lock:
                found = self.stages.get(environment) or self._made(environment)
                self.stages[environment] = found
        return found

    def _made(self, environment: str) -> Stage:
        ruleset = compile_ruleset(self.flags.values(), self.segments, environment)
        return Stage(self.organization, environment, self.digests.get(environment, self.digest), ruleset)


@dataclass(frozen=True, slots=True)
class Rulesets:
    """All organisations' flags at one version, by the public ids of organisations and projects. Never changed: a newer
    one takes its place whole."""

    version: int
    organizations: Mapping[str, Compiled]

    def of_project(self, organization: str, project: str | None) -> Stage:
        """The flags as a key of this project sees them."""
        known = self.organizations.get(organization)
        return NOTHING if known is None else known.stage(known.projects.get(project or "", PRODUCTION))

    def of_environment(self, organization: str, environment: str) -> Stage:
        known = self.organizations.get(organization)
        return NOTHING if known is None else known.stage(environment)


NOTHING = Stage("", PRODUCTION, b"", compile_ruleset([], [], PRODUCTION))
"""What there is where there are no flags."""


def read(known: Rulesets | None = None) -> Rulesets:
    """Reads all flags from the database, and takes over from `known` what did not change. Raises DatabaseError."""
    version = FlagsVersion.current()
    for _ in range(ATTEMPTS):
        rows = _rows()
        before, version = version, FlagsVersion.current()
        if before == version:
            break  # else something changed meanwhile, and what was read may be half of it
    former = known.organizations if known else {}
    return Rulesets(version, {name: _compiled(name, data, former.get(name)) for name, data in rows.items()})


def _rows() -> dict[str, dict[str, Any]]:
    """By organisation: what `_compiled` makes its rulesets of, as plain JSON."""
    found: dict[str, dict[str, Any]] = {}

    def of(organization: str) -> dict[str, Any]:
        return found.setdefault(organization, {"flags": {}, "segments": [], "projects": {}})

    for organization, key in Environment.objects.order_by("pk").values_list(ORGANIZATION, "key"):
        of(organization).setdefault("environments", []).append(key)
    for organization, pk, *values in Flag.objects.order_by("key").values_list(ORGANIZATION, "pk", *FLAG):
        of(organization)["flags"][str(pk)] = dict(zip(FLAG, values, strict=True), environments={})
    states = StateRow.objects.order_by("pk")
    for organization, pk, environment, *values in states.values_list(
        f"flag__{ORGANIZATION}", "flag", "environment__key", *STATE
    ):
        flag = of(organization)["flags"].get(str(pk))
        if flag is not None:  # it may have come into being since the flags were read
            flag["environments"][environment] = dict(zip(STATE, values, strict=True))
    for organization, key, conditions in Segment.objects.order_by("key").values_list(ORGANIZATION, "key", "conditions"):
        of(organization)["segments"].append({"key": key, "conditions": conditions})
    homes = ProjectEnvironment.objects.order_by("pk")
    for organization, project, environment in homes.values_list(
        f"project__{ORGANIZATION}", "project__public_id", "environment__key"
    ):
        of(organization)["projects"][project] = environment
    return found


def _compiled(organization: str, data: dict[str, Any], known: Compiled | None) -> Compiled:
    digest = _digest(data)
    if known is not None and known.digest == digest:
        return known
    digests = _digests(data)  # of the rows as they are: reading the flags changes them
    flags = _flags(data["flags"].values(), known.flags if known else {})
    made = Compiled(organization, digest, digests, flags, tuple(_segments(data["segments"])), data["projects"])
    for environment in {PRODUCTION, *data["projects"].values()}:
        made.stage(environment)
    return made


def _digests(data: dict[str, Any]) -> dict[str, bytes]:
    """By environment: a digest that changes with the flags as they are there, and with nothing else."""
    flags, segments = data["flags"].values(), data["segments"]
    return {
        key: _digest([segments, [{**flag, "environments": flag["environments"].get(key)} for flag in flags]])
        for key in {PRODUCTION, *data.get("environments", ())}
    }


def _digest(data: Any) -> bytes:
    return blake2b(orjson.dumps(data), digest_size=32).digest()


def _flags(data: Iterable[dict[str, Any]], known: Mapping[bytes, FlagDefinition]) -> dict[bytes, FlagDefinition]:
    """The definitions; those that are known are not read again, which is most of the work."""
    digests = [(_digest(each), each) for each in data]
    return {digest: known.get(digest) or _flag(each) for digest, each in digests}


def _flag(data: dict[str, Any]) -> FlagDefinition:
    for state in data["environments"].values():
        state["off_variant"] = state["off_variant"] or None
        state["default_variant"] = state["default_variant"] or None
    try:
        return FlagDefinition.from_data(data)
    except Invalid as error:
        log.error("flag_damaged", flag=data["key"], error=str(error))
        return _damaged(data)


def _damaged(data: dict[str, Any]) -> FlagDefinition:
    """A flag that answers with an error: what it answers with is not there. No checked change leaves one behind."""
    broken = FlagState(enabled=True, off_variant="damaged", default_variant="damaged")
    return FlagDefinition(data["key"], "object", {}, dict.fromkeys(data["environments"], broken))


def _segments(data: Iterable[dict[str, Any]]) -> Iterable[SegmentDefinition]:
    for each in data:
        try:
            yield SegmentDefinition.from_data(each)
        except Invalid as error:
            log.error("segment_damaged", segment=each["key"], error=str(error))
