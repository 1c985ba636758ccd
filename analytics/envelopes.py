"""The body of a batch of events: what it may hold, and how it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from rest_framework import serializers

from accounts.bodies import Body
from analytics.judging import moment_of
from lukhas_site.http.bodies import parse_json
from lukhas_site.http.decoding import decoded

MOST_BYTES = 1024 * 1024
"""How long a batch may be, without its encoding."""
MOST_EVENTS = 1_000
API_KEY = "api_key"
MESSAGES: dict[str, Any] = {
    "not_a_list": "It must be a list.",
    "empty": "It holds no event.",
    "max_length": f"It may hold at most {MOST_EVENTS} events.",
    "not_a_text": "It must be a string.",
    "no_time": "It must be ISO 8601 with a zone.",
    "not_a_truth": "It must be true or false.",
}


class Events(serializers.Field[list[Any], Any, list[Any], Any]):
    """A list of events, each of which is judged for itself later."""

    default_error_messages = MESSAGES

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("not_a_list")
        if not data:
            self.fail("empty")
        if len(data) > MOST_EVENTS:
            self.fail("max_length")
        return data


class Moment(serializers.Field[int, Any, int, Any]):
    """A time with its zone, in microseconds since 1970."""

    default_error_messages = MESSAGES

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, str):
            self.fail("not_a_text")
        try:
            return moment_of(data)
        except ValueError:
            self.fail("no_time")


class Truth(serializers.Field[bool, Any, bool, Any]):
    """true or false, and nothing that stands for them."""

    default_error_messages = MESSAGES

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("not_a_truth")
        return data


class Envelope(Body):
    """What is said of all events of a batch."""

    events = Events()
    sent_at = Moment(required=False)
    consent = Truth(required=False)


envelope = Envelope()


@dataclass(frozen=True, slots=True)
class Batch:
    """Events as they came. `sent_at` is when they were sent by the sender's clock, in microseconds since 1970;
    `consent` whether the user has agreed. Each is None where nothing was said."""

    events: list[Any]
    sent_at: int | None = None
    consent: bool | None = None


def members_of(request: HttpRequest) -> Mapping[str, Any]:
    """Returns the JSON object in a request, whose body may be compressed, and may call itself text. It is read once.

    Raises BodyTooLarge, WrongCoding, UnsupportedMediaType and ParseError.
    """
    found: dict[str, Any] | None = vars(request).get("event_members")
    if found is None:
        body = decoded(request.headers.get("Content-Encoding", ""), request.body, MOST_BYTES)
        kind = "application/json" if is_text(request) else request.content_type or ""
        found = vars(request)["event_members"] = parse_json(kind, body)
    return found


def is_text(request: HttpRequest) -> bool:
    """Whether a body says that it is plain text, as what `navigator.sendBeacon` sends does."""
    return request.content_type == "text/plain"


def batch_of(request: HttpRequest) -> Batch:
    """Returns the batch in a request. Raises likewise, and ValidationError. The key that a body of text may hold has
    had its say already."""
    members = dict(members_of(request))
    if is_text(request):
        members.pop(API_KEY, None)
    return Batch(**envelope.parse(members))
