"""The usage record as a line of a journal."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.models import UsageRecord
from analytics.records import MOST, NotARecord, Record, bounded, cleaned, decode, encode
from tests.analytics.recorded import GOOD, record

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def test_a_record_is_one_line_with_its_version_and_its_sum() -> None:
    line = encode(GOOD)
    assert line.startswith(b"1 ")
    assert line.endswith(b"]\n")
    assert line.count(b"\n") == 1
    assert len(line) < 300, "a request costs so much of the disk"


@given(text=TEXTS, number=st.integers(0, MOST), truth=st.booleans(), first=st.none() | st.integers(0, MOST))
def test_what_was_written_is_what_is_read(text: str, number: int, truth: bool, first: int | None) -> None:
    written = record(model_asked=text, cost_micro=number, stream=truth, first_token_us=first)
    line = encode(written)
    assert line.count(b"\n") == 1
    assert decode(line[:-1]) == written


def test_every_shorter_piece_of_a_line_is_recognised_as_torn() -> None:
    line = encode(GOOD)[:-1]
    for end in range(len(line)):
        with pytest.raises(NotARecord):
            decode(line[:end])


def test_a_changed_byte_is_noticed_wherever_it_is() -> None:
    line = encode(GOOD)[:-1]
    for at in range(len(line)):
        with pytest.raises(NotARecord):
            decode(line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :])


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"1", b"[]", b'["req_1"]'])
def test_a_line_whose_sum_is_right_may_still_be_no_record(body: bytes) -> None:
    from zlib import crc32

    with pytest.raises(NotARecord, match="other fields"):
        decode(b"1 %08x %b" % (crc32(body), body))


def test_a_later_form_is_told_from_damage() -> None:
    with pytest.raises(NotARecord, match="another version"):
        decode(b"2" + encode(GOOD)[1:-1])
    with pytest.raises(NotARecord, match="another sum"):
        decode(encode(GOOD)[:-2])


def test_fields_that_a_later_version_appends_do_no_harm() -> None:
    from zlib import crc32

    import orjson

    body = orjson.dumps([*GOOD, "new"])
    assert decode(b"1 %08x %b" % (crc32(body), body)) == GOOD


def test_the_moment_is_exact_and_in_utc() -> None:
    assert GOOD.moment == datetime(2025, 11, 29, 5, 5, 5, 123_456, tzinfo=UTC)


def test_a_row_of_the_database_has_the_fields_of_a_record_in_their_order() -> None:
    assert tuple(field.name for field in UsageRecord._meta.concrete_fields) == (*Record._fields, "dimension_id")


def test_what_no_database_takes_is_brought_within_bounds() -> None:
    assert bounded(MOST + 1) == MOST
    assert bounded(7) == 7
    assert cleaned("a\0bc", 2) == "ab"
