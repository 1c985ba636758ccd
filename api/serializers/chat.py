"""POST /v1/chat/completions: what a caller may send, and the frozen request it becomes."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer

from api.exceptions import InvalidValue, MissingParameter
from api.requests import ChatRequest, ResponseFormat, Sampling, ToolChoice
from api.serializers.fields import Array, Flag, Integer, Metadata, Number, Object, OneOf, Text
from api.serializers.messages import Messages, check_order
from api.serializers.tools import (
    FunctionCallField,
    LogitBias,
    ResponseFormatField,
    Stop,
    StreamOptions,
    ToolChoiceField,
    Tools,
    only_when_streaming,
)
from lukhas_site.http.serializers import SparseSerializer

OPTIONAL: dict[str, Any] = {"required": False, "allow_null": True}


@extend_schema_serializer(component_name="CreateChatCompletion")
class ChatSerializer(SparseSerializer):
    """Every parameter of the specification, with its type and range. Whether the model honours it is for the
    backend to say; an unknown parameter goes through to an upstream."""

    model = Text(help_text="The id of a model or an alias; see GET /v1/models.")
    messages = Messages(help_text="The conversation so far.")
    stream = Flag(**OPTIONAL, help_text="Answer as server-sent events, token by token.")
    stream_options = StreamOptions(**OPTIONAL)
    n = Integer(**OPTIONAL, min_value=1, max_value=128, help_text="How many choices to generate.")
    stop = Stop(**OPTIONAL, help_text="Up to four strings that end a choice; they are not part of it.")
    seed = Integer(**OPTIONAL, min_value=-(2**63), max_value=2**63 - 1, help_text="Same seed, same answer.")
    temperature = Number(**OPTIONAL, min_value=0, max_value=2)
    top_p = Number(**OPTIONAL, min_value=0, max_value=1)
    presence_penalty = Number(**OPTIONAL, min_value=-2, max_value=2)
    frequency_penalty = Number(**OPTIONAL, min_value=-2, max_value=2)
    logit_bias = LogitBias(**OPTIONAL, help_text="Token ids of the model's own vocabulary to a bias in -100…100.")
    max_tokens = Integer(**OPTIONAL, min_value=1, help_text="Older name of max_completion_tokens.")
    max_completion_tokens = Integer(**OPTIONAL, min_value=1, help_text="The most tokens to generate per choice.")
    logprobs = Flag(**OPTIONAL)
    top_logprobs = Integer(**OPTIONAL, min_value=0, max_value=20, help_text="Needs logprobs.")
    response_format = ResponseFormatField(**OPTIONAL)
    tools = Tools(**OPTIONAL)
    tool_choice = ToolChoiceField(**OPTIONAL)
    parallel_tool_calls = Flag(**OPTIONAL)
    user = Text(**OPTIONAL)
    safety_identifier = Text(**OPTIONAL, max_length=512)
    metadata = Metadata(**OPTIONAL)
    store = Flag(**OPTIONAL)
    service_tier = OneOf(**OPTIONAL, choices=["auto", "default", "flex", "scale", "priority"])
    prompt_cache_key = Text(**OPTIONAL)
    prompt_cache_retention = Text(**OPTIONAL)
    prompt_cache_options = Object(**OPTIONAL)
    reasoning_effort = Text(**OPTIONAL)
    verbosity = OneOf(**OPTIONAL, choices=["low", "medium", "high"])
    modalities = Array(**OPTIONAL)
    moderation = Object(**OPTIONAL)
    audio = Object(**OPTIONAL)
    prediction = Object(**OPTIONAL)
    web_search_options = Object(**OPTIONAL)
    functions = Array(**OPTIONAL, min_length=1, max_length=128)
    function_call = FunctionCallField(**OPTIONAL)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        only_when_streaming(attrs)
        check_order(attrs["messages"])
        if attrs.get("top_logprobs") is not None and not attrs.get("logprobs"):
            raise InvalidValue(
                "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", param="top_logprobs"
            )
        choice: ToolChoice | None = attrs.get("tool_choice")
        tools = attrs.get("tools") or ()
        for name in ("tool_choice", "parallel_tool_calls"):
            if attrs.get(name) is not None and attrs.get("tools") is None:
                raise InvalidValue(f"'{name}' is only allowed when 'tools' are specified.", param=name)
        if choice is not None and choice.name is not None and choice.name not in {tool.name for tool in tools}:
            raise InvalidValue(
                f"Invalid value for 'tool_choice': no function named {choice.name[:64]!r} was specified in the "
                "'tools' parameter.",
                param="tool_choice",
            )
        form: ResponseFormat | None = attrs.get("response_format")
        if form is not None and form.type == "json_schema" and not form.schema:
            raise MissingParameter("response_format.json_schema.schema")
        return attrs


def sampling(data: dict[str, Any], max_tokens: int | None) -> Sampling:
    """The parameters that chat and legacy completions share; null means the default."""
    return Sampling(
        n=data.get("n") or 1,
        stop=data.get("stop") or (),
        seed=data.get("seed"),
        temperature=data.get("temperature"),
        top_p=data.get("top_p"),
        presence_penalty=data.get("presence_penalty"),
        frequency_penalty=data.get("frequency_penalty"),
        max_tokens=max_tokens,
        logit_bias=data.get("logit_bias") or {},
    )


_serializer = ChatSerializer()


def parse_chat(body: dict[str, Any]) -> ChatRequest:
    """The frozen request of a JSON body; raises what is wrong with it."""
    data = _serializer.run_validation(body)
    most = data.get("max_completion_tokens")
    return ChatRequest(
        model=data["model"],
        messages=tuple(data["messages"]),
        body=body,
        sampling=sampling(data, data.get("max_tokens") if most is None else most),
        stream=bool(data.get("stream")),
        include_usage=bool(data.get("stream_options")),
        top_logprobs=(data.get("top_logprobs") or 0) if data.get("logprobs") else None,
        response_format=data.get("response_format") or ResponseFormat("text"),
        tools=data.get("tools") or (),
        tool_choice=data.get("tool_choice") or ToolChoice("auto" if data.get("tools") else "none"),
        parallel_tool_calls=data.get("parallel_tool_calls") is not False,
    )
