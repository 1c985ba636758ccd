"""Request bodies are JSON objects, or refused."""

import pytest
from rest_framework.exceptions import ParseError, UnsupportedMediaType

from lukhas_site.http.bodies import parse_json

JSON = "application/json"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json;v=1"],
)
def test_every_kind_of_json_is_read(content_type: str) -> None:
    assert parse_json(content_type, b'{"a": [1, "\xc3\xa9"]}') == {"a": [1, "é"]}


@pytest.mark.parametrize("content_type", ["", "text/plain", "text/json", "application/x-www-form-urlencoded", "a+json"])
def test_other_content_types_are_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        parse_json(content_type, b"{}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'{"a": 1',
        b'{"a": 1} {}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        b"[" * 5000 + b"]" * 5000,
        b"[" * 1_000_000,
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse_json(JSON, body)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_json_that_is_not_an_object_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse_json(JSON, body)


def test_the_last_of_duplicate_keys_wins() -> None:
    assert parse_json(JSON, b'{"a": 1, "a": 2}') == {"a": 2}


def test_an_integer_of_thirty_digits_becomes_a_float() -> None:
    assert parse_json(JSON, b'{"a": 123456789012345678901234567890}') == {"a": 1.2345678901234568e29}


def nested(depth: int) -> bytes:
    """An object `depth` deep, arrays and objects by turns."""
    pairs = [(b'{"a":', b"}"), (b"[", b"]")] * depth
    return b"".join(a for a, _ in pairs[:depth]) + b"1" + b"".join(b for _, b in reversed(pairs[:depth]))


def test_a_body_128_deep_is_read() -> None:
    assert "a" in parse_json(JSON, nested(128))


@pytest.mark.parametrize("depth", [129, 500, 1000])
def test_a_deeper_body_is_refused(depth: int) -> None:
    with pytest.raises(ParseError, match="128"):
        parse_json(JSON, nested(depth))


def test_depth_is_measured_and_not_the_number_of_brackets() -> None:
    wide = b'{"a": [' + b",".join([b'{"b": []}'] * 1000) + b"]}"
    assert len(parse_json(JSON, wide)["a"]) == 1000


@pytest.mark.parametrize(
    "text", [b"[" * 500, b'\\"' + b"[" * 500, b"[" * 500 + b"\\\\", b'\\\\\\"' + b"{" * 500, b'\\u005c\\"[' * 200]
)
def test_brackets_in_strings_do_not_count(text: bytes) -> None:
    assert "a" in parse_json(JSON, b'{"a": "' + text + b'", "b": []}')


def test_brackets_behind_a_string_that_ends_in_a_backslash_do_count() -> None:
    with pytest.raises(ParseError, match="128"):
        parse_json(JSON, b'{"a": "\\\\", "b": ' + b"[" * 128 + b"]" * 128 + b"}")
