"""The body of POST /v1/moderations: what is taken, and what each fault is called."""

from typing import Any

import pytest
from pytest_django import Settings

from api.exceptions import APIError
from api.serializers.moderations import parse_moderation

IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


@pytest.mark.parametrize(
    ("given", "inputs", "images"),
    [
        ("a", (("a",),), ()),
        ("", (("",),), ()),
        (["a", ""], (("a",), ("",)), ()),
        ([text("a"), text("b")], (("a", "b"),), ()),
        ([IMAGE, text("a"), IMAGE], (("a",),), ("input[0]", "input[2]")),
    ],
)
def test_texts_are_judged_one_by_one_and_the_parts_of_a_message_together(
    given: Any, inputs: Any, images: tuple[str, ...]
) -> None:
    body = {"model": "m", "input": given, "more": 1}
    request = parse_moderation(body)
    assert (request.model, request.inputs, request.images, request.stream) == ("m", inputs, images, False)
    assert request.body is body


def test_who_names_no_model_is_answered_by_that_of_the_setting(settings: Settings) -> None:
    assert parse_moderation({"input": "a"}).model == "lukhas-moderation-1"
    settings.LUKHAS_MODERATION_MODEL = "omni"
    assert parse_moderation({"input": "a"}).model == "omni"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "input"),
        ({"input": None}, "invalid_type", "input"),
        ({"input": 5}, "invalid_type", "input"),
        ({"input": {}}, "invalid_type", "input"),
        ({"input": []}, "empty_array", "input"),
        ({"input": ["a"] * 2049}, "array_above_max_length", "input"),
        ({"input": [text("a")] * 2049}, "array_above_max_length", "input"),
        ({"input": [5]}, "invalid_type", "input[0]"),
        ({"input": [[1]]}, "invalid_type", "input[0]"),
        ({"input": ["a", text("b")]}, "invalid_type", "input[1]"),
        ({"input": [text("a"), "b"]}, "invalid_type", "input[1]"),
        ({"input": [{}]}, "missing_required_parameter", "input[0].type"),
        ({"input": [{"type": "input_audio"}]}, "invalid_value", "input[0].type"),
        ({"input": [{"type": "text"}]}, "missing_required_parameter", "input[0].text"),
        ({"input": [{"type": "text", "text": 5}]}, "invalid_type", "input[0].text"),
        ({"input": [{"type": "image_url"}]}, "missing_required_parameter", "input[0].image_url"),
        ({"input": [{"type": "image_url", "image_url": "x"}]}, "invalid_type", "input[0].image_url"),
        ({"input": [{"type": "image_url", "image_url": {}}]}, "missing_required_parameter", "input[0].image_url.url"),
        ({"input": [{"type": "image_url", "image_url": {"url": 5}}]}, "invalid_type", "input[0].image_url.url"),
        ({"input": "a", "model": None}, "invalid_type", "model"),
        ({"input": "a", "model": 5}, "invalid_type", "model"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(body: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(APIError) as caught:
        parse_moderation(body)
    assert (caught.value.status_code, caught.value.code, caught.value.param) == (400, code, param)
