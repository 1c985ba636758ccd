"""The policies as requests meet them: one snapshot a process, read without SQL, swapped whole.

A thread reads them every second, and the next request does at once after a change in this process; so a change is seen
everywhere within two seconds, and at once where it was made. While the database is away the last ones go on. The same
thread reads when a request was refused last, in whichever process, for /healthz, which asks nothing itself.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError, close_old_connections

from accounts.limits.keeper import Keeper
from api.guardian.rules import Rule, broken, look_of
from api.models import Policy, Veto
from features.operands import Unreadable
from lukhas_site.http.orm import in_database

COLUMNS = (
    "pk", "name", "organization__public_id", "project__public_id", "model", "kind", "pattern", "category",
    "threshold", "max_tokens", "mode", "reason_code",
)  # fmt: skip
Last = tuple[datetime, str]
"""When a request was refused, and by which reason code."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Policies:
    """Those that are on, compiled, by the public id of the organisation or project that they are of. `rows` is what
    they were read from."""

    rows: tuple[tuple[Any, ...], ...]
    rules: Mapping[str, tuple[Rule, ...]]


NONE = Policies((), {})
"""Where there are no policies, this and no other object."""


def rule_of(values: Mapping[str, Any]) -> Rule:
    """The rule of a row, given by its COLUMNS. One that can no longer be used fails whenever it is asked."""
    try:
        look = look_of(values["kind"], values)
    except Unreadable as error:
        log.error("policy_not_usable", policy=values["pk"], reason=str(error))
        look = broken(error)
    return Rule(
        id=values["pk"],
        name=values["name"],
        scope=values["organization__public_id"] or values["project__public_id"],
        model=values["model"],
        kind=values["kind"],
        enforced=values["mode"] == "enforce",
        reason=values["reason_code"],
        look=look,
    )


def read(known: Policies | None = None) -> Policies:
    """Reads the policies: one query. Where nothing changed, what was compiled is kept. Raises DatabaseError."""
    rows = tuple(Policy.objects.filter(enabled=True).order_by("pk").values_list(*COLUMNS))
    if not rows:
        return NONE
    if known is not None and known.rows == rows:
        return known
    found: dict[str, list[Rule]] = {}
    for row in rows:
        rule = rule_of(dict(zip(COLUMNS, row, strict=True)))
        found.setdefault(rule.scope, []).append(rule)
    return Policies(rows, {scope: tuple(rules) for scope, rules in found.items()})


class Watch:
    """Holds what was read last, and keeps it current."""

    def __init__(self) -> None:
        self.policies: Policies | None = None
        """Those in force; None where they are to be read before the next request."""
        self.failed = ""
        """The kind of error of the last reading; empty where it went well."""
        self.keeper = Keeper(self.look, "guardian")
        self._known: Policies | None = None
        self._last: Last | None = None
        self._generation = 0
        self._reading, self._lock = threading.Lock(), threading.Lock()

    async def current(self) -> Policies:
        """The policies in force. Raises DatabaseError only where they were never read."""
        if self.policies is not None:
            return self.policies
        self.keeper.start()
        return await in_database(self._needed)

    def look(self) -> None:
        """Reads them. What goes wrong is logged once, until it goes well again."""
        close_old_connections()
        try:
            with self._reading:
                self._read()
        except DatabaseError as error:
            self._complain(error)
        finally:
            close_old_connections()

    def changed(self) -> None:
        """A policy was changed in this process."""
        with self._lock:
            self._generation += 1  # a reading that is under way is too late
            self.policies = None

    def vetoed(self, at: datetime, reason: str) -> None:
        """A request was refused, here or elsewhere."""
        with self._lock:
            if self._last is None or at > self._last[0]:
                self._last = at, reason

    def state(self) -> tuple[bool, Last | None]:
        """Whether there are policies that may refuse requests, and which refusal was the last. Asks nothing. Raises
        LookupError where the policies could never be read."""
        known = self.policies or self._known
        if known is None and self.failed:
            raise LookupError(self.failed)
        enabled = known is not None and any(rule.enforced for rules in known.rules.values() for rule in rules)
        return enabled, self._last

    def forget(self) -> None:
        """Drops what was read, so that not even a database that is away is answered for."""
        self.changed()
        self._known, self._last, self.failed = None, None, ""

    def _needed(self) -> Policies:
        with self._reading:
            if self.policies is not None:  # somebody else who waited has read them
                return self.policies
            try:
                return self._read()
            except DatabaseError as error:
                self._complain(error)
                if self._known is None:
                    raise
                return self._known

    def _read(self) -> Policies:
        generation = self._generation
        found, last = read(self._known), Veto.last()
        if last is not None:
            self.vetoed(*last)
        with self._lock:
            if generation == self._generation:
                self.policies, self._known, self.failed = found, found, ""
        return found

    def _complain(self, error: DatabaseError) -> None:
        if not self.failed:
            log.warning("policies_not_refreshed", error=type(error).__name__)
        self.failed = type(error).__name__


watch = Watch()
"""The one of this process."""
