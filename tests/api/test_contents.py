"""What a model that reads only text makes of a message."""

from typing import Any

import pytest

from api.backends.contents import text_of
from api.exceptions import UnsupportedValue


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Hi", "Hi"),
        (None, ""),
        ([{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}, {"type": "text", "text": "c"}], "abc"),
    ],
)
def test_a_messages_text_is_its_parts_joined(content: Any, text: str) -> None:
    assert text_of({"role": "user", "content": content}, "messages[0]") == text


def test_a_message_without_content_has_no_text() -> None:
    assert text_of({"role": "assistant"}, "messages[0]") == ""


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file"])
def test_what_is_no_text_is_refused_where_it_stands(kind: str) -> None:
    with pytest.raises(UnsupportedValue) as caught:
        text_of({"content": [{"type": "text", "text": ""}, {"type": kind, kind: {}}]}, "messages[3]")
    assert (caught.value.code, caught.value.param) == ("unsupported_value", "messages[3].content[1].type")
