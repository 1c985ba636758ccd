"""Where a mistake is, in the words of the request for a response: what answers it saw a chat."""

import re
from collections.abc import Sequence

from api.exceptions import APIError
from api.requests import Place

NAMES = {
    "messages": "input",
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
    "logprobs": "top_logprobs",
    "response_format": "text.format",
    "response_format.json_schema": "text.format",
}
PARTS = {"text": "input_text", "image_url": "input_image", "file": "input_file"}
"""The kinds of parts of a message."""
TEXTS = ("instructions", "input")
"""What is a message of a chat by being a text."""
MESSAGE = re.compile(r"messages\[(\d{1,9})\](?:\.tool_calls\[(\d{1,9})\])?(.*)", re.DOTALL)
BELOW = re.compile(r"(response_format(?:\.json_schema)?|tools\[\d{1,9}\]\.function)(\..*)", re.DOTALL)


def renamed(error: APIError, places: Sequence[Place]) -> APIError:
    """The error itself, whose `param` and whose message now name what the caller sent. `places` are the request's."""
    if error.param is not None:
        param = _path(error.param, places)
        words = {error.param: param}
        if MESSAGE.fullmatch(error.param) and param.endswith(".type"):
            words |= PARTS
        for seen, sent in words.items():
            error.message = error.message.replace(f"'{seen}'", f"'{sent}'")
        error.param = param
    return error


def _path(param: str, places: Sequence[Place]) -> str:
    if param in NAMES:
        return NAMES[param]
    if found := BELOW.fullmatch(param):
        return f"{NAMES.get(found[1]) or found[1].removesuffix('.function')}{found[2]}"
    found = MESSAGE.fullmatch(param)
    if found is None or int(found[1]) >= len(places):
        return param
    at, call, rest = int(found[1]), found[2], found[3]
    place = places[at]
    if call is not None:
        return place.calls[int(call)] if int(call) < len(place.calls) else place.path
    if place.output:
        rest = rest.replace(".content", ".output", 1)
    return place.path if place.path in TEXTS else f"{place.path}{rest}"
