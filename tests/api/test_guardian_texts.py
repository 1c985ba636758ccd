"""What of a request is looked at."""

from typing import Any

import pytest

from api.catalog import Target
from api.exceptions import InvalidValue
from api.guardian.rules import CannotTell
from api.guardian.texts import given, looked_at, size_of
from api.requests import Request
from api.serializers.chat import parse_chat
from api.serializers.completions import parse_completion
from api.serializers.embeddings import parse_embeddings

TARGET = Target("m", "u", "echo")


def chat(*messages: dict[str, Any], **more: Any) -> Request:
    return parse_chat({"model": "m", "messages": list(messages), **more})


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def texts(request: Request) -> list[str]:
    return sorted(str(text) for text in given(request))


def test_every_text_of_every_message_is() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"a": "b"}'}}
    request = chat(
        {"role": "system", "content": "Be brief", "name": "boss"},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind"}]},
        user([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]),
        {"role": "assistant", "content": None, "refusal": "No", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "result"}]},
    )
    assert texts(request) == sorted(
        ["Be brief", "boss", "Be kind", "one", "two", "No", "look_up", '{"a": "b"}', "result"]
    )


def test_what_is_no_text_is_not_but_the_address_of_an_image_is() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/island.png"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "AAAA", "filename": "map.pdf"}},
    ]
    assert texts(chat(user(parts))) == ["high", "https://example.com/island.png", "map.pdf", "wav"]


def test_what_stands_beside_the_messages_is_but_for_words_that_are_given() -> None:
    schema = {"type": "object", "properties": {"island": {"type": "string", "enum": ["north"]}}, "required": ["island"]}
    tool = {"type": "function", "function": {"name": "go", "description": "Sails", "parameters": schema}}
    request = chat(
        user("Hi"),
        tools=[tool],
        tool_choice="auto",
        stop=["END"],
        metadata={"trip": "spring"},
        user="u-1",
        service_tier="auto",
        temperature=0.5,
        documents=[{"id": "d" * 65, "text": "of a map"}],
    )
    expected = ["Hi", "go", "Sails", "island", "north", "island", "END", "trip", "spring", "u-1", "d" * 65, "of a map"]
    assert texts(request) == sorted(expected)


def test_prompts_inputs_and_what_follows_them_are() -> None:
    assert texts(parse_completion({"model": "m", "prompt": ["a", "b"], "suffix": "c"})) == ["a", "b", "c"]
    assert texts(parse_embeddings({"model": "m", "input": "a", "encoding_format": "base64"})) == ["a"]
    assert given(parse_embeddings({"model": "m", "input": [[1, 2], [3]]})) == [(1, 2), (3,)]


def test_pieces_of_one_message_are_looked_at_joined_as_well() -> None:
    request = chat(user([{"type": "text", "text": "zanz"}, {"type": "text", "text": "ibar"}]), user("alone"))
    looked = looked_at(request, given(request), TARGET)
    assert sorted(looked.texts) == ["alone", "ibar", "zanz"]
    assert looked.written[3:] == [b"zanzibar"]


def test_token_ids_are_decoded_and_counted_as_they_are() -> None:
    request = parse_embeddings({"model": "m", "input": [[15339, 1917], [15339]]})
    looked = looked_at(request, given(request), TARGET)
    assert (looked.texts, looked.ids, looked.written) == ([], 3, [b"hello world", b"hello"])
    assert size_of(given(request)) == 5


def test_token_ids_that_stand_for_nothing_are_the_callers_mistake_and_an_encoding_that_is_not_there_is_not() -> None:
    request = parse_completion({"model": "m", "prompt": [[1], [999_999]]})
    with pytest.raises(InvalidValue, match=r"prompt\[1\]"):
        looked_at(request, given(request), TARGET)
    with pytest.raises(CannotTell, match="KeyError"):
        looked_at(request, given(request), Target("m", "u", "echo", encoding="gone"))
