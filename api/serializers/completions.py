"""POST /v1/completions: what a caller may send, and the frozen request it becomes."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer

from api.exceptions import InvalidValue
from api.requests import CompletionRequest
from api.serializers.chat import OPTIONAL, sampling
from api.serializers.fields import Flag, Integer, Number, Text
from api.serializers.inputs import Prompt
from api.serializers.tools import LogitBias, Stop, StreamOptions, only_when_streaming
from lukhas_site.http.serializers import SparseSerializer

DEFAULT_MAX_TOKENS = 16
END_OF_TEXT = "<|endoftext|>"


@extend_schema_serializer(component_name="CreateCompletion")
class CompletionSerializer(SparseSerializer):
    """Every parameter of the specification, with its type and range."""

    model = Text(help_text="The id of a model or an alias; see GET /v1/models.")
    prompt = Prompt(required=False, allow_null=True, help_text="A text, texts, token ids, or arrays of token ids.")
    stream = Flag(**OPTIONAL, help_text="Answer as server-sent events, token by token.")
    stream_options = StreamOptions(**OPTIONAL)
    n = Integer(**OPTIONAL, min_value=1, max_value=128)
    best_of = Integer(**OPTIONAL, min_value=1, max_value=20)
    echo = Flag(**OPTIONAL, help_text="Begin each choice with its prompt.")
    suffix = Text(**OPTIONAL)
    stop = Stop(**OPTIONAL)
    seed = Integer(**OPTIONAL, min_value=-(2**63), max_value=2**63 - 1)
    temperature = Number(**OPTIONAL, min_value=0, max_value=2)
    top_p = Number(**OPTIONAL, min_value=0, max_value=1)
    presence_penalty = Number(**OPTIONAL, min_value=-2, max_value=2)
    frequency_penalty = Number(**OPTIONAL, min_value=-2, max_value=2)
    logit_bias = LogitBias(**OPTIONAL)
    max_tokens = Integer(**OPTIONAL, min_value=0, help_text="The most tokens to generate per choice; 16 by default.")
    logprobs = Integer(**OPTIONAL, min_value=0, max_value=5)
    user = Text(**OPTIONAL)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        only_when_streaming(attrs)
        best_of, n = attrs.get("best_of"), attrs.get("n") or 1
        if best_of is not None and best_of < n:
            raise InvalidValue(f"Invalid 'best_of': expected a value >= n ({n}), but got {best_of}.", param="best_of")
        return attrs


_serializer = CompletionSerializer()


def parse_completion(body: dict[str, Any]) -> CompletionRequest:
    """The frozen request of a JSON body; raises what is wrong with it. Without a prompt the specification's default,
    the end-of-text token, is where a new document begins."""
    data = _serializer.run_validation(body)
    most = data.get("max_tokens")
    return CompletionRequest(
        model=data["model"],
        prompts=data.get("prompt") or (END_OF_TEXT,),
        body=body,
        sampling=sampling(data, DEFAULT_MAX_TOKENS if most is None else most),
        stream=bool(data.get("stream")),
        include_usage=bool(data.get("stream_options")),
        logprobs=data.get("logprobs"),
        echo=bool(data.get("echo")),
    )
