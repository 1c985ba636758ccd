"""How the model is exchanged within an answer's bytes, and what is read of usage."""

import orjson
import pytest

from api.backends import upstream_answers
from api.backends.base import Call, Usage
from api.backends.upstream_answers import answer, embeddings_answer
from api.exceptions import UpstreamError
from tests.api.upstreams import call_to

UP = b"upstream-model"
HERE = b"catalog-model"


def call() -> Call:
    return call_to("http://localhost:1/v1")


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"upstream-model"}',
        b' \n{ "id" : null , "n":-1.5e+3,"t":true,\t"model"\r\n:\t"upstream-model" , "x":[]}',
        b'{"a":"say \'model\':","model":"upstream-model","choices":[]}',
        b'{"meta":{"model_":"upstream","deep":{"y":1,"z":"q"}},"model":"upstream-model","choices":[{"model":"other"}]}',
        b'{"object":"list","data":[{"model":"x"}],"model":"upstream-model","usage":{"prompt_tokens":1,"d":{"e":1}}}\n',
        b'{"data":[1],"usage":{"prompt_tokens":1},"model":"upstream-model"}',
        b'{"choices":[{"text":"],\\"model\\":\\"upstream-model\\"}"}],"model":"upstream-model"}',
    ],
)
def test_only_the_value_of_the_top_level_model_is_exchanged(body: bytes) -> None:
    changed = answer(body, call())
    before, after = body.rsplit(b'"upstream-model"', 1)
    assert changed == before + b'"catalog-model"' + after
    assert orjson.loads(changed) == {**orjson.loads(body), "model": "catalog-model"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"choices":[{"message":{"content":"\\"model\\":\\"upstream-model\\""}}],"meta":{"a":{"b":{"c":1}}}}',
        b'{"meta":{"a":{"b":{"c":1}}},"model":"upstream-model","x":[1],"y":2}',
        b'{"data":[],"x\\u0022y":1,"model":"upstream-model"}',
        b'{"id":"a\\"b","model":"upstream-model","choices":[]}',
        b'{"mod\\u0065l":"upstream-model","choices":[]}',
        b'{"model":"upstream\\u002dmodel","choices":[]}',
        b'{"model":null,"choices":[]}',
        b'{"model":{"model":"upstream-model"},"choices":[]}',
        b'{"model":"first","choices":[],"model":"upstream-model","n":{"a":{"b":{}}}}',
        b'{"choices":[{"model":"upstream-model"}]}',
        b'{"choices":[{"a":[],"model":"upstream-model"}],"x":{"a":{"b":{"c":1}}}}',
        b"{}",
    ],
)
def test_an_answer_of_any_other_shape_is_written_anew_with_the_same_content(body: bytes) -> None:
    assert orjson.loads(answer(body, call())) == {**orjson.loads(body), "model": "catalog-model"}


def test_nothing_changes_where_the_upstream_uses_the_same_name() -> None:
    body = b'{"choices" :[ {"text":"x"}],"model":"catalog-model"}'
    assert answer(body, call()) is body


@pytest.mark.parametrize(
    "body",
    [
        b'{"object":"list","data":[{"embedding":[0.10,-1E-5]}],"model":"%b","usage":{"prompt_tokens":5,"total_tokens":5}}',
        b'{"id":"e","model":"%b","data":[{"embedding":[0.10]}],"usage":{"prompt_tokens":5,"total_tokens":5}}',
        b'{"data":[{"embedding":[0.10]}], "usage" : {"prompt_tokens":5} , "model":"%b" } ',
    ],
)
def test_embeddings_are_renamed_without_being_parsed_where_their_ends_tell_everything(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream_answers, "answer", None)
    known = call()
    assert embeddings_answer(body % UP, known) == body % HERE
    assert known.usage == Usage(5)


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":[{"embedding":[0.10]}],"model":"upstream-model"}',
        b'{"data":[{"embedding":[0.10]}],"model":"upstream-model","usage":null}',
        b'{"data":[{"embedding":[0.10]}],"usage":{"prompt_tokens":5}}',
        b'{"model":"upstream-model","usage":{"prompt_tokens":5},"data":[{"embedding":[0.10]}]}',
        b'{"data":[{"embedding":[0.10]}],"mod\\u0065l":"upstream-model","usage":{"prompt_tokens":5}}',
    ],
)
def test_other_embeddings_are_parsed(body: bytes) -> None:
    known = call()
    assert orjson.loads(embeddings_answer(body, known)) == {**orjson.loads(body), "model": "catalog-model"}
    assert known.usage == (Usage(5) if b"prompt_tokens" in body else None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>]</html>",
        b"[1]",
        b'"text"',
        b'{"id":"x","model":"m","choices":[{"index":0}',
        b'{"model":"m","data":[{"embedding":[1],"index":0}',
        b'{"data":[1],"model":"m","usage":{"prompt_tokens":01-x}}',
        b'[1],"model":"m","usage":{"prompt_tokens":1}}',
        b'{"model":"\xff"}',
    ],
)
def test_what_is_no_json_object_is_the_upstreams_fault(body: bytes) -> None:
    for read in (answer, embeddings_answer):
        with pytest.raises(UpstreamError):
            read(body, call())


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}, Usage(1, 2, 1)),
        ({"prompt_tokens": 1, "prompt_tokens_details": None}, Usage(1)),
        ({"prompt_tokens": -4, "completion_tokens": "2", "prompt_tokens_details": [1]}, Usage(0)),
        ({}, Usage(0)),
    ],
)
def test_usage_is_read_as_far_as_it_makes_sense(told: dict[str, object], usage: Usage) -> None:
    known = call()
    answer(orjson.dumps({"model": "m", "usage": told}), known)
    assert known.usage == usage


def test_choices_and_ids_that_make_no_sense_are_passed_on_and_not_noted() -> None:
    known = call()
    for body in (
        b'{"id":7,"choices":{"a":1}}',
        b'{"choices":[1,{"finish_reason":null},{"finish_reason":3}],"usage":1}',
    ):
        answer(body, known)
    assert (known.response_id, known.finish_reasons, known.usage) == (None, (), None)
