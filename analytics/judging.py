"""Whether an event is taken, and what is kept of it: every rule of the taxonomy, of time and of privacy. No database.

One bad event never sinks its batch: it becomes an entry with a code, and the others go on.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from analytics import taxonomy
from analytics.entries import HOUR, Entry
from analytics.models.events import EVENT_NAME_LENGTH, MESSAGE_LENGTH
from analytics.policies import Policy
from analytics.privacy import redacted_text
from analytics.records import EPOCH, cleaned
from analytics.taxonomy import UNLIMITED, Name, Vocabulary

FUTURE = 300_000_000
"""How far ahead of the server an event may be, in microseconds: clocks differ by minutes."""
DAY = 24 * HOUR
MOST_BYTES = 32 * 1024
"""How much JSON the properties of one event may be, after redaction."""
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
ID = re.compile(rf"{taxonomy.ID}\Z")
MICROSECOND = timedelta(microseconds=1)

INVALID_EVENT = "invalid_event"
INVALID_ID = "invalid_id"
INVALID_TIMESTAMP = "invalid_timestamp"
TOO_OLD = "timestamp_too_old"
IN_FUTURE = "timestamp_in_future"
UNKNOWN = "unknown_event"
INVALID_PROPERTIES = "invalid_properties"
TOO_LARGE = "properties_too_large"
DO_NOT_TRACK = "do_not_track"
PRIVACY_CONTROL = "global_privacy_control"
CONSENT = "consent_required"
CODES_BY_MEMBER = {"id": INVALID_ID, "timestamp": INVALID_TIMESTAMP, "properties": INVALID_PROPERTIES}


class Unacceptable(ValueError):
    """Why an event is not taken: a code, and a sentence that quotes nothing of it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message[:MESSAGE_LENGTH]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a batch, and on whose behalf: what is the same for all of its events. `network` and `browser` are
    already as they are kept, and `identity` and `redacted` make the rest so; `window` is how old an event may be, in
    days."""

    project_id: str
    received_at: int
    skew: int
    browser: str
    network: str
    vocabulary: Vocabulary
    policy: Policy
    identity: Callable[[str], str]
    redacted: Callable[[dict[str, Any]], dict[str, Any]]
    window: int


def moment_of(text: str) -> int:
    """Returns a time of ISO 8601 in microseconds since 1970. Raises ValueError for what is none, or has no zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return (found - EPOCH) // MICROSECOND


def gate(policy: Policy, dnt: str, gpc: str, consent: bool | None) -> Unacceptable | None:
    """Returns why nothing of a batch may be taken, by the project's policy; None where it may. `dnt` and `gpc` are the
    headers DNT and Sec-GPC."""
    if policy.honours_dnt and dnt.strip() == "1":
        return Unacceptable(DO_NOT_TRACK, "The browser asks not to be tracked, and nothing was kept.")
    if policy.honours_gpc and gpc.strip() == "1":
        return Unacceptable(PRIVACY_CONTROL, "The browser sends Global Privacy Control, and nothing was kept.")
    if policy.requires_consent and consent is not True:
        return Unacceptable(CONSENT, "The project takes events only with consent: nothing was kept.")
    return None


def judge(events: list[Any], sender: Sender) -> list[Entry]:
    """Returns the entries of a batch, in its order. Raises nothing, whatever the events are."""
    well = taxonomy.events_check.is_valid(events)
    return [_entry(event, sender, well=well) for event in events]


def new_id(received_at: int) -> str:
    """An id for an event that has none. It begins with the time, so that an index of very many grows at its end."""
    return f"evt_{received_at // 1_000:012x}{secrets.token_hex(10)}"


def fitting(name: str, properties: dict[str, Any], vocabulary: Vocabulary, policy: Policy) -> tuple[Name, str]:
    """Returns what is known of a name, and the properties, redacted already, as JSON. Raises Unacceptable."""
    known = vocabulary.get(name)
    if known is None:
        if not policy.admits_unknown:
            raise Unacceptable(UNKNOWN, "The organisation's taxonomy has no event of this name.")
        if redacted_text(name) != name:
            raise Unacceptable(INVALID_EVENT, "The name looks like personal data.")
        known = UNLIMITED
    if known.check is not None and not known.check.is_valid(properties):
        _, place = taxonomy.complaint(known.check, properties) or ("", "")
        raise Unacceptable(INVALID_PROPERTIES, f"The properties do not fit the schema of the name: {place}.")
    text = orjson.dumps(properties)
    if len(text) > MOST_BYTES:
        raise Unacceptable(TOO_LARGE, f"The properties are more than {MOST_BYTES} bytes of JSON.")
    if b"\\u0000" in text and NUL.search(text):
        raise Unacceptable(INVALID_PROPERTIES, "The properties hold the character U+0000.")
    return known, text.decode()


def _entry(event: Any, sender: Sender, *, well: bool) -> Entry:
    at = received_at = sender.received_at
    properties = "{}"
    try:
        if not well:
            _check(event)
        at = _happened(event["timestamp"], sender)
        name: str = event["event"]
        known, properties = fitting(name, sender.redacted(event["properties"]), sender.vocabulary, sender.policy)
    except Unacceptable as reason:
        return _rejected(event, sender, at, reason)
    entry = Entry(  # by position, which takes half the time
        sender.project_id,
        event.get("id") or new_id(received_at),
        name,
        properties,
        at,
        received_at,
        sender.identity(event.get("session_id", "")),
        sender.identity(event.get("user_id_hash", "")),
        sender.browser,
        sender.network,
        True,
        name,
        at // HOUR * HOUR,
        known.limit,
    )
    return entry if sender.policy.keeps_raw else entry.bare()


def _check(event: Any) -> None:
    """Raises Unacceptable where an event is not of its declared form."""
    complaint = taxonomy.complaint(taxonomy.event_check, event)
    if complaint is not None:
        member, place = complaint
        what = f"Its {member}" if member else "It"
        why = place.rpartition("/")[2]
        raise Unacceptable(CODES_BY_MEMBER.get(member, INVALID_EVENT), f"{what} is not as declared: {why}.")


def _happened(timestamp: str, sender: Sender) -> int:
    """Returns when an event happened, by the server's clock. Raises Unacceptable."""
    try:
        at = moment_of(timestamp) + sender.skew
    except ValueError as error:
        raise Unacceptable(INVALID_TIMESTAMP, "The timestamp must be ISO 8601 with a zone.") from error
    if at < sender.received_at - sender.window * DAY:
        raise Unacceptable(TOO_OLD, f"It happened more than {sender.window} days ago.")
    if at > sender.received_at + FUTURE:
        raise Unacceptable(IN_FUTURE, "It is yet to happen.")
    return at


def _rejected(event: Any, sender: Sender, at: int, reason: Unacceptable) -> Entry:
    """What is kept of an event that is not taken: no more than of a good one."""
    told: dict[str, Any] = event if isinstance(event, dict) else {}
    held = told.get("properties")
    text = orjson.dumps(sender.redacted(held)) if isinstance(held, dict) else b"{}"
    own = _text(told.get("id"))
    return Entry(
        project_id=sender.project_id,
        event_id=own if ID.match(own) else new_id(sender.received_at),
        name=cleaned(redacted_text(_text(told.get("event"))), EVENT_NAME_LENGTH),
        properties="{}" if len(text) > MOST_BYTES or NUL.search(text) else text.decode(),
        at=at,
        received_at=sender.received_at,
        session=sender.identity(_text(told.get("session_id"))),
        person=sender.identity(_text(told.get("user_id_hash"))),
        browser=sender.browser,
        network=sender.network,
        kept=sender.policy.keeps_raw,
        counted="",
        hour=at // HOUR * HOUR,
        code=reason.code,
        message=reason.message,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
