"""Whether an event is taken, and what is kept of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as within
from hypothesis import strategies as st

from analytics import judging
from analytics.entries import HOUR
from analytics.judging import Unacceptable, gate, judge, moment_of
from analytics.policies import Policy
from tests.analytics import eventful
from tests.analytics.judged import NOW, RECEIVED, at, judged, sender

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12), inner, max_size=3
    ),
    max_leaves=8,
)  # fmt: skip


def event(number: int = 1, **members: Any) -> dict[str, Any]:
    return eventful.event(number, **{"timestamp": at(seconds=-5), **members})


def test_a_good_event_is_kept_with_hashes_for_whom_and_a_network_for_where() -> None:
    found = judged(event(session_id="visit", user_id_hash="someone"))
    assert found.code == ""
    assert (found.project_id, found.event_id, found.name, found.properties) == (
        "proj_1",
        "e1",
        "page_view",
        '{"path":"/docs"}',
    )
    assert (found.session, found.person, found.browser, found.network) == (
        "hash of 5",
        "hash of 7",
        "Firefox",
        "192.0.2.0/24",
    )
    assert (found.at, found.received_at, found.hour) == (RECEIVED - 5_000_000, RECEIVED, RECEIVED - HOUR)
    assert (found.kept, found.counted, found.limit) == (True, "page_view", 0)


def test_an_event_without_an_id_gets_one_that_begins_with_the_time() -> None:
    first, second = judge([event(id=None), event(id=None)], sender())
    assert first.event_id != second.event_id
    assert first.event_id.startswith(f"evt_{RECEIVED // 1000:012x}")
    assert len(first.event_id) == 36


def test_properties_are_redacted_and_forbidden_names_are_gone() -> None:
    found = judged(event(properties={"note": "to ann@example.com", "deep": [{"password": "x", "n": 1}]}))
    assert orjson.loads(found.properties) == {"note": "to [EMAIL_REDACTED]", "deep": [{"n": 1}]}


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("text", judging.INVALID_EVENT),
        (None, judging.INVALID_EVENT),
        ([], judging.INVALID_EVENT),
        (event(colour="red"), judging.INVALID_EVENT),
        (event(event=None), judging.INVALID_EVENT),
        (event(event="two words"), judging.INVALID_EVENT),
        (event(session_id=7), judging.INVALID_EVENT),
        (event(user_id_hash=""), judging.INVALID_EVENT),
        (event(id="a b"), judging.INVALID_ID),
        (event(id=""), judging.INVALID_ID),
        (event(timestamp=None), judging.INVALID_TIMESTAMP),
        (event(timestamp=1_764_000_000), judging.INVALID_TIMESTAMP),
        (event(timestamp="yesterday"), judging.INVALID_TIMESTAMP),
        (event(timestamp="2026-11-29"), judging.INVALID_TIMESTAMP),
        (event(timestamp="2026-11-29T11:59:00"), judging.INVALID_TIMESTAMP),
        (event(timestamp="2026-02-30T11:59:00Z"), judging.INVALID_TIMESTAMP),
        (event(timestamp="0001-01-01T00:00:00+14:00"), judging.TOO_OLD),
        (event(timestamp="1970-01-01T00:00:00Z"), judging.TOO_OLD),
        (event(timestamp=at(days=-7, seconds=-1)), judging.TOO_OLD),
        (event(timestamp=at(minutes=5, seconds=1)), judging.IN_FUTURE),
        (event(timestamp="9999-12-31T23:59:59-14:00"), judging.IN_FUTURE),
        (event(event="purchase"), judging.UNKNOWN),
        (event(properties=None), judging.INVALID_PROPERTIES),
        (event(properties="text"), judging.INVALID_PROPERTIES),
        (event(properties={"a": "\0"}), judging.INVALID_PROPERTIES),
        (event(properties={"a": ["x" * 2_000] * 20}), judging.TOO_LARGE),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_a_bad_event_is_rejected_by_its_fault_and_the_others_go_on(bad: Any, code: str) -> None:
    found = judge([event(1), bad, event(2)], sender())
    assert [each.code for each in found] == ["", code, ""]
    assert found[1].message
    assert found[1].received_at == RECEIVED


@pytest.mark.parametrize("good", [at(days=-7), at(minutes=5), "2026-11-29T12:00:00Z", "2026-11-29T13:00:00+01:00"])
def test_the_bounds_themselves_and_every_zone_are_taken(good: str) -> None:
    assert judged(event(timestamp=good)).code == ""


def test_the_text_backslash_u0000_is_not_the_character() -> None:
    found = judged(event(properties={"a": "\\u0000"}))
    assert found.code == ""
    assert orjson.loads(found.properties) == {"a": "\\u0000"}


def test_a_senders_clock_is_corrected_by_when_it_sent() -> None:
    """Received − sent is how far the sender's clock is off, the way included."""
    for off in (timedelta(days=-4000), timedelta(hours=3), timedelta(seconds=-2)):
        found = judged(event(timestamp=(NOW + off - timedelta(seconds=30)).isoformat()), sender(skew=-off))
        assert (found.code, found.at) == ("", RECEIVED - 30_000_000)


def test_a_correction_beyond_all_time_is_no_crash() -> None:
    for off in (timedelta(days=-3_000_000), timedelta(days=3_000_000)):
        assert judged(event(), sender(skew=off)).code in {judging.TOO_OLD, judging.IN_FUTURE}


class TestNames:
    def test_properties_that_do_not_fit_the_schema_are_rejected_and_the_place_is_of_the_schema(self) -> None:
        by = sender(purchase={"required": ["cents"], "properties": {"cents": {"type": "integer"}}})
        assert judged(event(event="purchase", properties={"cents": 7}), by).code == ""
        found = judged(event(event="purchase", properties={"cents": "ann@example.com"}), by)
        assert found.code == judging.INVALID_PROPERTIES
        assert "properties/cents/type" in found.message
        assert "ann" not in found.message
        assert judged(event(event="purchase", properties={}), by).code == judging.INVALID_PROPERTIES

    def test_what_is_kept_must_fit_and_not_what_was_sent(self) -> None:
        by = sender(signup={"required": ["email"]}, strict={"additionalProperties": False})
        assert judged(event(event="signup", properties={"email": "a"}), by).code == judging.INVALID_PROPERTIES
        assert judged(event(event="strict", properties={"password": "x"}), by).code == ""

    def test_a_project_may_admit_names_that_the_taxonomy_has_not(self) -> None:
        by = sender(Policy(admits_unknown=True))
        found = judged(event(event="anything"), by)
        assert (found.code, found.counted, found.limit) == ("", "anything", 0)
        assert judged(event(event="call.416-555-0199"), by).code == judging.INVALID_EVENT


class TestRejected:
    def test_of_a_rejected_event_no_more_is_kept_than_of_a_good_one(self) -> None:
        found = judged(
            event(
                event="mail ann@example.com", properties={"to": "bob@example.com"}, session_id="visit", id="c@d.example"
            )
        )
        assert found.code == judging.INVALID_ID
        assert "@" not in "".join(map(str, found))
        assert (found.name, found.session) == ("mail [EMAIL_REDACTED]", "hash of 5")
        assert orjson.loads(found.properties) == {"to": "[EMAIL_REDACTED]"}

    def test_its_own_id_stays_where_it_is_one(self) -> None:
        assert judged(event(event="purchase")).event_id == "e1"

    def test_it_says_when_it_happened_where_that_was_told(self) -> None:
        assert judged(event(event="purchase")).at == RECEIVED - 5_000_000
        assert judged(event(timestamp="never")).at == RECEIVED

    @pytest.mark.parametrize("properties", [{"a": ["x" * 2_000] * 20}, {"a": "\0"}])
    def test_properties_that_cannot_be_stored_are_left_out(self, properties: Mapping[str, Any]) -> None:
        assert judged(event(properties=properties)).properties == "{}"

    @within(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(st.lists(JSON | st.fixed_dictionaries({}, optional={"id": JSON, "event": JSON, "properties": JSON,
                    "timestamp": JSON, "session_id": JSON, "user_id_hash": JSON}), max_size=3))  # fmt: skip
    def test_no_event_crashes(self, events: list[Any]) -> None:
        for found in judge(events, sender(Policy(admits_unknown=True))):
            assert "\0" not in "".join(map(str, found))
            assert "\\u0000" not in found.properties.replace("\\\\", "")


class TestPolicy:
    @pytest.mark.parametrize(
        ("policy", "dnt", "gpc", "consent", "code"),
        [
            (Policy(), "1", "", None, judging.DO_NOT_TRACK),
            (Policy(), "", " 1 ", None, judging.PRIVACY_CONTROL),
            (Policy(), "1", "1", True, judging.DO_NOT_TRACK),
            (Policy(requires_consent=True), "", "", None, judging.CONSENT),
            (Policy(requires_consent=True), "", "", False, judging.CONSENT),
        ],
    )
    def test_who_does_not_want_to_be_tracked_is_not(
        self, policy: Policy, dnt: str, gpc: str, consent: bool | None, code: str
    ) -> None:
        found = gate(policy, dnt, gpc, consent)
        assert found is not None
        assert found.code == code

    @pytest.mark.parametrize(
        ("policy", "dnt", "gpc", "consent"),
        [
            (Policy(), "", "", None),
            (Policy(), "0", "0", False),
            (Policy(honours_dnt=False), "1", "", None),
            (Policy(honours_gpc=False), "", "1", None),
            (Policy(requires_consent=True), "", "", True),
        ],
    )
    def test_all_others_are_let_in(self, policy: Policy, dnt: str, gpc: str, consent: bool | None) -> None:
        assert gate(policy, dnt, gpc, consent) is None

    def test_where_only_counts_are_kept_nothing_but_the_id_is_left(self) -> None:
        by = sender(Policy(keeps_raw=False))
        found = judged(event(session_id="visit"), by)
        assert found == found.bare()
        assert (found.counted, found.hour) == ("page_view", RECEIVED - HOUR)
        assert judged(event(event="purchase"), by).kept is False


def test_a_time_without_a_zone_is_none() -> None:
    with pytest.raises(ValueError, match="2026"):
        moment_of("2026-11-29T12:00:00")
    assert moment_of("1970-01-01T00:00:00.000001Z") == 1


def test_a_message_is_no_longer_than_its_column() -> None:
    assert len(Unacceptable("x", "y" * 1000).message) == 300
