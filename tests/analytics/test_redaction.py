"""What of texts and properties is taken out, and what is not."""

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.folding import MOST_REMEMBERED, _Characters, fold
from analytics.numerals import is_card
from analytics.privacy import (
    MOST_DEEP,
    MOST_NAME,
    MOST_SPLIT,
    MOST_TEXT,
    MOST_VALUES,
    TOO_DEEP,
    Redactor,
    plain_name,
    redacted_text,
)

EMAIL, PHONE, CARD, SSN, IP = (f"[{kind}_REDACTED]" for kind in ("EMAIL", "PHONE", "CARD", "SSN", "IP"))

FOUND = {
    # E-mail addresses
    "mail john.doe+x@example.co.uk now": f"mail {EMAIL} now",
    "https://x.com/?who=john%40example.com&a=1": f"https://x.com/?who={EMAIL}&a=1",
    "john%2Bnews%2540example.com": EMAIL,
    "a=john@x.com&b": f"a={EMAIL}&b",
    "MAILTO:J@X.ORG": f"MAILTO:{EMAIL}",
    "<o'brien@x.com>": f"<{EMAIL}>",
    'to "john doe"@x.com': f"to {EMAIL}",
    "john @ example.com": EMAIL,
    "john＠example。com": EMAIL,
    "jo\u200bhn@exa\u00admple.com": EMAIL,
    "jörg@exämple.de": EMAIL,
    "jo\u0308rg@example.de": EMAIL,
    "мария@почта.рф": EMAIL,
    "x@xn--e1afmkfd.xn--p1ai": EMAIL,
    "x@10.0.0.1": EMAIL,
    "x@[10.0.0.1]": EMAIL,
    "a@b.co,c@d.co": f"{EMAIL},{EMAIL}",
    # Phone numbers
    "call 415-555-0123 now": f"call {PHONE} now",
    "(415) 555-0123": PHONE,
    "(415)555-0123": PHONE,
    "+1 415 555 0123": PHONE,
    "+14155550123": PHONE,
    "415.555.0123": PHONE,
    "415 - 555 - 0123": PHONE,
    "4155550123": PHONE,
    "1-800-555-0199": PHONE,
    "555-123-4567x99": f"{PHONE}x99",
    "+44 (0)20 7946 0958": PHONE,
    "+44.2079460958": PHONE,
    "0044 20 7946 0958": PHONE,
    "020 7946 0958": PHONE,
    "07700 900123": PHONE,
    "01 23 45 67 89": PHONE,
    "01.23.45.67.89": PHONE,
    "089/1234567": PHONE,
    "+49-171-1234567": PHONE,
    "98765 43210": PHONE,
    "13812345678": PHONE,
    "138 1234 5678": PHONE,
    "0612345678": PHONE,
    "tel:+33123456789": f"tel:{PHONE}",
    "٤١٥-٥٥٥-٠١٢٣": PHONE,
    "４１５‐５５５‐０１２３": PHONE,
    "415\u2009555\u20090123": PHONE,
    "①②③-④⑤⑥-⑦⑧⑨⓪": PHONE,
    # Card numbers
    "4111111111111111": CARD,
    "pay 4111 1111 1111 1111 now": f"pay {CARD} now",
    "4111-1111-1111-1111": CARD,
    "4111.1111.1111.1111": CARD,
    "4111_1111_1111_1111": CARD,
    "4111\n1111\t1111 1111": CARD,
    "4111\u20131111\u22121111\u00a01111": CARD,
    "4\u200b111111111111111": CARD,
    "3782 822463 10005": CARD,
    "5555555555554444 12/27": f"{CARD} 12/27",
    "6011 0009 9013 9424": CARD,
    "6304000000000000000": CARD,
    "9792 0300 0000 0000": CARD,
    "card4111111111111111x": f"card{CARD}x",
    "2026-11-29 4111 1111 1111 1111": f"2026-11-29 {CARD}",
    "1234 4111 1111 1111 1111": f"1234 {CARD}",
    "4111111111111111,4242424242424242": f"{CARD},{CARD}",
    # Social security numbers
    "123-45-6789": SSN,
    "ssn 123 45 6789": f"ssn {SSN}",
    "123–45–6789": SSN,
    "１２３-４５-６７８９": SSN,
    # IP addresses
    "192.168.1.1": IP,
    "ip:10.0.0.1:8080": f"ip:{IP}:8080",
    "http://8.8.8.8/x": f"http://{IP}/x",
    "10.0.0.0/8 and 10.0.0.1.": f"{IP}/8 and {IP}.",
    "１０.０.０.１": IP,
    "path/10.0.0.1": f"path/{IP}",
    "2001:db8::1": IP,
    "id:2001:db8::1": f"id:{IP}",
    "[2001:db8::1]:443": f"[{IP}]:443",
    "at 2001:db8::1.": f"at {IP}.",
    "2001:0db8:85a3:0000:0000:8a2e:0370:7334": IP,
    "2001:db8:0:0:0:0:0:1:8080": f"{IP}:8080",
    "fe80::1%eth0 up": f"{IP} up",
    "::ffff:192.0.2.1": IP,
    "dead:beef::cafe": IP,
    "::1": IP,
    "2001:db8::": IP,
    # Several
    "john@x.org, 415-555-0123 from 10.0.0.1": f"{EMAIL}, {PHONE} from {IP}",
    "Grüße an a@b.co": f"Grüße an {EMAIL}",
}

STAYS = [
    "",
    "quickstart",
    "1.2.3",
    "v1.2.3.4",
    "version 1.2.3.4",
    "Version: 1.2.3.4",
    "1.2.3.4.5",
    "300.1.1.1",
    "Chrome/120.0.6099.109",
    "Mozilla/5.0 Chrome/120.0.0.0 Safari/537.36",
    "2026-11-29",
    "2026-11-29T10:00:00Z",
    "2026-11-29T10:00:00.123456+00:00",
    "from 2026-11-29 10:00 to 2026-12-01",
    "29.11.2026 10:45",
    "01/02/2026 10:30",
    "20261129T100000Z",
    "1764412149",
    "1764412149123",
    "550e8400-e29b-41d4-a716-446655440000",
    "12345678-1234-1234-1234-123456789012",
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "$1,234,567.89",
    "1 234 567,89",
    "19.99",
    "10:30:00",
    "00:1a:2b:3c:4d:5e",
    "std::vector<int>",
    "Add::Bad",
    "a::b",
    "x::1",
    ":".join("1" * 30),
    "lodash@4.17.21",
    "@john",
    "a @ b",
    "100%",
    "50%40 off",
    "1.2345678",
    "+1.2345678",
    "3.14159265358979",
    "51.507351, -0.127758",
    "1234567",
    "order 123456789",
    "1.2.3.4111111111111112",
    "4111111111111112",
    "7111111111111111",
    "41111111111111111111111",
    "2019 2020 2021 2022",
    "/docs/v1.2/page/42",
    "resp_68f0a1b2c3d4e5f6",
    "1920x1080",
    "GMT+0100",
    "naïve café — 12½ %",
    "日本語のテキスト",
]


@pytest.mark.parametrize(("text", "kept"), FOUND.items())
def test_what_tells_who_somebody_is_is_replaced_and_only_that(text: str, kept: str) -> None:
    assert redacted_text(text) == kept
    assert redacted_text(kept) == kept


@pytest.mark.parametrize("text", STAYS)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redacted_text(text) == text


# --- What is planted -------------------------------------------------------------------------------------------

digits = st.text(string.digits, min_size=1)


def with_sum(start: str, length: int, filler: str) -> str:
    """A card number that begins so."""
    body = (start + filler)[: length - 1].ljust(length - 1, "0")
    return next(body + last for last in string.digits if is_card(body + last))


def grouped(number: str, sizes: tuple[int, ...], separator: str) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return separator.join(parts)


SEPARATORS = ["-", " ", ".", "\u2011", "\u2013", "\u00a0", "\u2009", "－", "．"]
SCRIPTS = ["0123456789", "٠١٢٣٤٥٦٧٨٩", "０１２３４５６７８９", "०१२३४५६७८९", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗"]

cards = st.builds(
    lambda start, filler, form, separator: grouped(with_sum(start, sum(form), filler), form, separator),
    st.sampled_from(["4", "51", "34", "37", "6011", "2221", "35", "62"]),
    st.text(string.digits, min_size=18, max_size=18),
    st.sampled_from([(4, 4, 4, 4), (16,), (4, 6, 5), (15,), (4, 4, 4, 4, 3), (13,)]),
    st.sampled_from(SEPARATORS),
)
ssns = st.builds(
    lambda number, separator: grouped(number, (3, 2, 4), separator),
    st.text(string.digits, min_size=9, max_size=9),
    st.sampled_from(SEPARATORS),
)
phones = st.builds(
    lambda number, form, separator: form[0] + grouped(number, form[1], separator),
    st.text("23456789", min_size=10, max_size=10),
    st.sampled_from([("", (3, 3, 4)), ("+1 ", (3, 3, 4)), ("+44", (4, 6)), ("", (10,)), ("0", (4, 6))]),
    st.sampled_from(SEPARATORS),
)
ipv4s = st.ip_addresses(v=4).map(str)
ipv6s = st.ip_addresses(v=6).filter(lambda address: str(address) != "::").map(str)
word = st.text("abcxyz019äжλ", min_size=1, max_size=12)
emails = st.builds(
    lambda local, at, domain, end: f"{local}{at}{domain}.{end}",
    word, st.sampled_from(["@", "＠", "﹫"]), word, st.sampled_from(["com", "org", "de", "рф"]),
)  # fmt: skip
planted = st.one_of(cards, ssns, phones, ipv4s, ipv6s, emails)
around = st.text("abc ,;äж!?()", max_size=12)


def in_script(text: str, script: str) -> str:
    return text.translate({ord(digit): script[int(digit)] for digit in string.digits})


@settings(max_examples=150, deadline=None)
@given(planted, around, around, st.sampled_from(SCRIPTS))
def test_what_is_planted_in_a_text_never_survives(secret: str, before: str, after: str, script: str) -> None:
    secret = in_script(secret, script)
    kept = redacted_text(f"{before} {secret} {after}")
    assert "_REDACTED]" in kept
    assert secret not in kept
    assert not any(digit.isdigit() for digit in kept.removeprefix(before).removesuffix(after))


@settings(max_examples=50, deadline=None)
@given(planted, st.recursive(st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(word, inner)))
def test_it_survives_neither_as_a_value_nor_as_a_name_however_nested(secret: str, rest: Any) -> None:
    deep = Redactor([]).redacted({"a": [{"b": [secret, rest]}], secret: {"c": rest}})
    assert secret not in repr(deep)
    assert deep["a"][0]["b"][0].endswith("_REDACTED]")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_redacted_and_once_is_enough(text: str) -> None:
    once = redacted_text(text)
    assert redacted_text(once) == once


@settings(max_examples=100, deadline=None)
@given(st.uuids().map(str) | st.binary(min_size=16, max_size=32).map(bytes.hex) | st.datetimes().map(str))
def test_uuids_hashes_and_instants_stay(text: str) -> None:
    assert redacted_text(text) == text


# --- Properties ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["email", "E-Mail", "e_mail", "EMAIL", "e mail", "ｅｍａｉｌ", "E.MAIL"])
def test_a_forbidden_name_is_dropped_however_it_is_written_and_wherever(name: str) -> None:
    redactor = Redactor(["email", "date-of-birth"])
    assert redactor.redacted({name: 1, "a": {name: 1, "b": [{name: 1}]}, "emailed": True}) == {
        "a": {"b": [{}]},
        "emailed": True,
    }
    assert redactor.redacted({"dateOfBirth": 1, "date_of_birth": 1}) == {}


def test_a_name_without_letters_is_compared_as_nothing_and_kept() -> None:
    assert plain_name("--") == ""
    assert Redactor(["email"]).redacted({"--": 1}) == {"--": 1}


def test_other_values_and_the_shape_stay_as_they_are() -> None:
    given = {"a": 1, "b": None, "c": [True, 1.5, {"d": []}], "e": {}, "f": "x", "g": 1764412149123, "h": -(10**15)}
    before = repr(given)
    assert Redactor([]).redacted(given) == given
    assert repr(given) == before
    assert list(Redactor([]).redacted(given)) == list(given)


def test_a_card_that_came_as_a_number_is_one() -> None:
    assert Redactor([]).redacted({"a": 4111111111111111, "b": [4111111111111112]}) == {
        "a": CARD,
        "b": [4111111111111112],
    }


def test_of_names_that_become_the_same_the_last_ones_value_is_kept() -> None:
    assert Redactor([]).redacted({"a@b.co": 1, "c@d.co": 2}) == {EMAIL: 2}


def test_what_lies_too_deep_is_left_out() -> None:
    inner: Any = {"secret": "a@b.co"}
    for _ in range(MOST_DEEP + 1):
        inner = {"x": [inner]}
    kept: Any = Redactor([]).redacted(inner)
    depth = 1
    while kept != TOO_DEEP:
        kept = kept["x"] if isinstance(kept, dict) else kept[0]
        depth += 1
    assert depth == MOST_DEEP + 1


def test_of_too_many_values_the_rest_is_left_out() -> None:
    kept = Redactor([]).redacted({"a": list(range(5000)), "b": 1})
    assert kept == {"a": list(range(MOST_VALUES - 1))}
    assert len(Redactor([]).redacted({str(n): n for n in range(5000)})) == MOST_VALUES
    assert Redactor([]).redacted({"a": [[1] * 600, [1] * 600]})["a"][1] == [1] * (MOST_VALUES - 603)


def test_a_long_text_is_cut_without_leaving_a_part_of_what_was_cut_through() -> None:
    for secret in ("john.doe@example.com", "4111 1111 1111 1111"):
        text = "x" * (MOST_TEXT - 10) + " " + secret
        kept = redacted_text(text)
        assert kept == "x" * (MOST_TEXT - MOST_SPLIT)
    assert redacted_text("x" * MOST_TEXT) == "x" * MOST_TEXT


def test_a_long_name_is_cut_and_still_forbidden_and_redacted() -> None:
    redactor = Redactor(["email"])
    assert redactor.redacted({"email" + "-" * 500: 1, "x" * 500: 2}) == {"x" * MOST_NAME: 2}


# --- Folding ---------------------------------------------------------------------------------------------------


def test_a_text_is_folded_with_the_places_that_its_characters_come_from() -> None:
    assert fold("a\u200b１㏄") == ("a1cc", [0, 2, 3, 3])
    assert fold("a１") == ("a1", None)
    # One that becomes none makes up for one that becomes two.
    assert fold("\u200b㏄") == ("cc", [1, 1])


def test_characters_are_remembered_up_to_a_number() -> None:
    characters = _Characters()
    for point in range(0x4E00, 0x4E00 + MOST_REMEMBERED):
        characters[point] = point
    assert "１".translate(characters) == "1"
    assert len(characters) == MOST_REMEMBERED
