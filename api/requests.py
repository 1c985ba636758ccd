"""What a validated inference request is: frozen dataclasses that serializers make and backends read.

Backends never see DRF or Django; everything they may need is here. `body` is the caller's whole JSON object, kept
for upstreams, to which unknown fields go through untouched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

JSONObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call. `parameters` is a JSON schema, `{}` where the caller gave none."""

    name: str
    description: str
    parameters: JSONObject
    strict: bool


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """How tools are to be used: `auto`, `none`, `required`, or `function` with the name of the one to call."""

    mode: Literal["auto", "none", "required", "function"]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The form the answer must have: `text`, `json_object`, or `json_schema` with the schema it must satisfy."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: JSONObject | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Sampling:
    """What chat and legacy completions have in common. None means: the backend's own default.

    `max_tokens` is per choice. `logit_bias` maps token ids of the model's own vocabulary to a bias in -100…100.
    """

    n: int = 1
    stop: tuple[str, ...] = ()
    seed: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    max_tokens: int | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """POST /v1/chat/completions, validated. `messages` are the caller's own objects, shape checked.

    `top_logprobs` is None when logprobs were not asked for, else 0–20.
    """

    model: str
    messages: tuple[JSONObject, ...]
    body: JSONObject
    sampling: Sampling = Sampling()
    stream: bool = False
    include_usage: bool = False
    top_logprobs: int | None = None
    response_format: ResponseFormat = ResponseFormat("text")
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice("auto")
    parallel_tool_calls: bool = True


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """POST /v1/completions, validated. Each prompt is a text or a tuple of token ids; choices are numbered
    prompt by prompt. `logprobs` is the number of alternatives per token (0–5), None when not asked for."""

    model: str
    prompts: tuple[str | tuple[int, ...], ...]
    body: JSONObject
    sampling: Sampling = Sampling()
    stream: bool = False
    include_usage: bool = False
    logprobs: int | None = None
    echo: bool = False


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """POST /v1/embeddings, validated. Each input is a text or a tuple of token ids."""

    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    body: JSONObject
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    stream: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class ModerationRequest:
    """POST /v1/moderations, validated. Each input is judged as one, and has its texts; `images` are the paths of the
    images among them (`input[1]`)."""

    model: str
    inputs: tuple[tuple[str, ...], ...]
    body: JSONObject
    images: tuple[str, ...] = ()
    stream: ClassVar[bool] = False


Request = ChatRequest | CompletionRequest | EmbeddingRequest | ModerationRequest


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a request for a response something stood that became a message of the chat which answers it: the path of
    the message, and those of the tool calls that it makes. `output` says that it is the output of one."""

    path: str
    calls: tuple[str, ...] = ()
    output: bool = False


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """POST /v1/responses, validated: the chat that answers it, what of it the answer repeats, as the `Response` object
    of OpenAI's specification has it, and where each message of the chat stood."""

    chat: ChatRequest
    repeated: JSONObject
    places: tuple[Place, ...]

    @property
    def stream(self) -> bool:
        return self.chat.stream


@dataclass(frozen=True, slots=True)
class Rollout:
    """Which model a feature flag chose for a request, and why; counted with what the request used.

    `variant` is the flag's, and None where the target of the alias answers because the flag did not say otherwise.
    `reason` tells of a variant how the flag came to it: `SPLIT`, `TARGETING_MATCH`, `STATIC`, `DEFAULT` or `DISABLED`,
    as `features.evaluation` has them. Of none it tells why: the same where the flag gives no value there; OFREP's error
    code where it cannot be evaluated, such as `FLAG_NOT_FOUND`; `FLAGS_UNREACHABLE` where flags could never be read;
    `MODEL_UNKNOWN`, `MODEL_NOT_PERMITTED` or `MODEL_UNFIT` where it gives a model that is not there, that the project
    may not use, or that cannot take the target's place.
    """

    flag: str
    variant: str | None
    reason: str
