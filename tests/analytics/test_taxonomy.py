"""What an event must look like: the declaration, and the schemas that staff write."""

import time
from typing import Any

import pytest

from analytics.entries import HOUR, Entry, decode, encode
from analytics.lines import NotALine
from analytics.models import Event
from analytics.taxonomy import EVENT, NotASchema, compiled, complaint, event_check, events_check, never
from tests.analytics.eventful import event


def test_a_good_event_is_as_declared_alone_and_among_others() -> None:
    whole = event(session_id="s", user_id_hash="u")
    assert complaint(event_check, whole) is None
    assert events_check.is_valid([whole, event(id=None)])


@pytest.mark.parametrize(
    ("members", "member", "keyword"),
    [
        ({"id": "a b"}, "id", "pattern"),
        ({"id": "x" * 129}, "id", "pattern"),
        ({"id": 7}, "id", "type"),
        ({"event": None}, "event", "required"),
        ({"event": "1st"}, "event", "pattern"),
        ({"properties": []}, "properties", "type"),
        ({"properties": None}, "properties", "required"),
        ({"timestamp": 7}, "timestamp", "type"),
        ({"session_id": ""}, "session_id", "minLength"),
        ({"user_id_hash": "x" * 257}, "user_id_hash", "maxLength"),
        ({"colour": "red"}, "", "additionalProperties"),
    ],
)
def test_what_is_not_as_declared_is_told_by_member_and_keyword(
    members: dict[str, Any], member: str, keyword: str
) -> None:
    told = complaint(event_check, event(**members))
    assert told is not None
    assert told[0] == member
    assert told[1].endswith(keyword)
    assert not events_check.is_valid([event(), event(**members)])


def test_what_is_no_object_is_told_as_a_whole() -> None:
    assert complaint(event_check, "text") == ("", "type")
    assert set(EVENT["required"]) == {"event", "properties", "timestamp"}


def test_an_empty_schema_takes_anything_and_needs_no_check() -> None:
    assert compiled({}) is None


def test_a_complaint_says_nothing_of_what_members_hold_nor_of_those_that_the_schema_does_not_name() -> None:
    check = compiled({"properties": {"count": {"type": "integer"}}, "additionalProperties": False})
    assert check is not None
    assert complaint(check, {"count": "ann@example.com"}) == ("count", "properties/count/type")
    assert complaint(check, {"ann@example.com": 1}) == ("", "additionalProperties")


@pytest.mark.parametrize(
    "schema",
    [
        "text",
        [],
        True,
        {"type": "bogus"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/nowhere"},
        {"pattern": "(?=ahead)"},
        {"pattern": "("},
        {"maximum": 2**80},
        {"description": "x" * 70_000},
    ],
    ids=lambda schema: str(schema)[:30],
)
def test_what_is_no_schema_or_would_be_fetched_is_refused(schema: object) -> None:
    with pytest.raises(NotASchema):
        compiled(schema)


def test_no_pattern_takes_longer_than_in_proportion_to_the_text() -> None:
    check = compiled({"properties": {"text": {"type": "string", "pattern": "^(a+)+$"}}})
    assert check is not None
    begun = time.process_time()
    assert not check.is_valid({"text": "a" * 30_000 + "!"})
    assert time.process_time() - begun < 1


def test_nothing_fits_never() -> None:
    assert not never.is_valid({})


GOOD = Entry("proj_1", "e1", "page_view", '{"a":1}', 1_700_000_000_000_000, 1_700_000_000_500_000, "s", "p", "Firefox",
             "192.0.2.0/24", True, "page_view", 1_699_999_200_000_000, 7)  # fmt: skip


def test_an_entry_is_read_from_its_line_as_it_was_written() -> None:
    assert decode(encode(GOOD)[:-1]) == GOOD
    rejected = GOOD._replace(code="unknown_event", message="No.")
    assert decode(encode(rejected)[:-1]) == rejected


def test_a_line_of_something_else_is_no_entry() -> None:
    from analytics import lines

    with pytest.raises(NotALine, match="other fields"):
        decode(lines.written(["proj_1"])[:-1])


def test_what_is_left_of_an_event_that_is_only_counted_is_its_id_and_the_hour_in_which_it_came() -> None:
    bare = GOOD.bare()
    assert bare.key == GOOD.key
    assert bare.at == bare.received_at == GOOD.received_at // HOUR * HOUR
    assert (bare.name, bare.properties, bare.session, bare.person, bare.browser, bare.network) == ("", "{}", *[""] * 4)
    assert (bare.kept, bare.counted, bare.hour) == (False, "page_view", GOOD.hour)


def test_a_row_of_the_database_has_the_values_of_an_entry_in_their_order() -> None:
    assert tuple(field.name for field in Event._meta.concrete_fields)[1:] == Entry._fields[:11]
