"""What the OpenAPI document says of usage and costs: decorators of their views, under the specification's ids."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from drf_spectacular.utils import OpenApiParameter, extend_schema_view
from rest_framework import serializers

from api import exceptions as wire
from api.administration import usage
from api.administration.usage import COSTS, Kind
from api.schema.errors import Examples
from api.schema.organization import operation
from api.schema.organization_shapes import MOMENT
from api.schema.shapes import NULLABLE, Field, Shape, constant, integer, shape, text

View = TypeVar("View", bound=type)

QUERY: Final = OpenApiParameter.QUERY
DAY = 86_400
START = MOMENT // DAY * DAY
TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
BATCH = OpenApiParameter("batch", bool, QUERY, description="Whether batch jobs only, or others only. There are none.")
ALSO: Mapping[int, Examples] = {400: {"No start": wire.MissingParameter("start_time")}}
NAMES: dict[str, Any] = {
    "project_id": "proj_Kb2mVw8Rq1ZtXc5NhJd7Ls3P",
    "user_id": "svc_acct_Vb7NmKj2HgFd5SaPoI9UyT1R",
    "api_key_id": "key_Pl0OkMi9JnUb8HyGv7TfCr6D",
    "model": "lukhas-chat-1",
    "line_item": "lukhas-chat-1",
}


def _parameters(kind: Kind) -> list[OpenApiParameter]:
    widths = ["1m", "1h", "1d"] if len(kind.widths) > 1 else ["1d"]
    limits = "60, at most 1440, of `1m`; 24, at most 168, of `1h`; 7, at most 31, of `1d`"
    groups = {"type": "array", "items": {"type": "string", "enum": list(kind.groups)}}
    return [
        OpenApiParameter("start_time", int, QUERY, required=True, description="Seconds since 1970, inclusive."),
        OpenApiParameter("end_time", int, QUERY, description="Seconds since 1970, exclusive; now unless told."),
        OpenApiParameter("bucket_width", str, QUERY, enum=widths, default="1d"),
        *(OpenApiParameter(name, TEXTS, QUERY, description="Only these.") for name in kind.filters),
        *([BATCH] if kind.has_batches else []),
        OpenApiParameter("group_by", groups, QUERY, description="What results are told apart by."),
        OpenApiParameter(
            "limit", int, QUERY, description=f"How many buckets: {limits if len(widths) > 1 else '7, at most 180'}."
        ),
        OpenApiParameter("page", str, QUERY, description="The `next_page` of the page before."),
    ]


def _group(name: str) -> Field:
    told = f"Where it is grouped by `{name}`; else null."
    return serializers.BooleanField(help_text=told, **NULLABLE) if name == "batch" else text(told, **NULLABLE)


def _result(name: str, kind: Kind) -> Shape:
    counts: dict[str, Field] = {count: integer() for count in kind.counts}
    if kind is COSTS:
        amount = {"value": serializers.FloatField(help_text="In dollars."), "currency": constant("usd")}
        counts = {
            "amount": shape("CostsAmount", "An amount of money.", amount)(),
            "quantity": integer("Tokens, where it is grouped by `line_item`; else null.", **NULLABLE),
            "quantity_unit": text("`tokens`, or null.", **NULLABLE),
        }
    fields = {"object": constant(kind.result), **counts, **{group: _group(group) for group in kind.groups}}
    return shape(f"{name}Result", "What was used in a bucket, by one group.", fields)


def _page(name: str, kind: Kind) -> Shape:
    bucket = {
        "object": constant("bucket"),
        "start_time": integer("Seconds since 1970."),
        "end_time": integer("Seconds since 1970; where the next bucket begins."),
        "results": _result(name, kind)(many=True, help_text="Empty where nothing was used."),
    }
    fields = {
        "object": constant("page"),
        "data": shape(f"{name}Bucket", "A minute, an hour or a day of UTC.", bucket)(many=True),
        "has_more": serializers.BooleanField(),
        "next_page": text("The `page` of the next page; null where there is none.", **NULLABLE),
    }
    return shape(f"{name}Response", "A page of buckets.", fields)


def _example(kind: Kind) -> dict[str, Any]:
    if kind is COSTS:
        counts: dict[str, Any] = {
            "amount": {"value": 0.06, "currency": "usd"},
            "quantity": 1500,
            "quantity_unit": "tokens",
        }
    else:
        numbers = {"requests": 5, "input_tokens": 1000, "cached_tokens": 400, "uncached_tokens": 600}
        counts = {name: {**numbers, "output_tokens": 500}.get(of or "", 0) for name, of in kind.counts.items()}
    names = {name: {**NAMES, **usage.CONSTANTS}.get(name) for name in kind.groups}
    results = [{"object": kind.result, **counts, **names}] if kind.endpoints != () else []
    bucket = {"object": "bucket", "start_time": START, "end_time": START + DAY, "results": results}
    return {"object": "page", "data": [bucket], "has_more": False, "next_page": None}


def _operation(id: str, summary: str, name: str, kind: Kind) -> Callable[[View], View]:
    """The decorator of a view of a kind."""
    described = operation(id, summary, _page(name, kind), _example(kind), query=_parameters(kind), also=ALSO)
    return extend_schema_view(get=described)


completions = _operation("usage-completions", "Usage of completions", "UsageCompletions", usage.COMPLETIONS)
embeddings = _operation("usage-embeddings", "Usage of embeddings", "UsageEmbeddings", usage.EMBEDDINGS)
moderations = _operation("usage-moderations", "Usage of moderations", "UsageModerations", usage.MODERATIONS)
images = _operation("usage-images", "Usage of images", "UsageImages", usage.IMAGES)
audio_speeches = _operation(
    "usage-audio-speeches", "Usage of audio speeches", "UsageAudioSpeeches", usage.AUDIO_SPEECHES
)
audio_transcriptions = _operation(
    "usage-audio-transcriptions",
    "Usage of audio transcriptions",
    "UsageAudioTranscriptions",
    usage.AUDIO_TRANSCRIPTIONS,
)
vector_stores = _operation("usage-vector-stores", "Usage of vector stores", "UsageVectorStores", usage.VECTOR_STORES)
code_interpreter_sessions = _operation(
    "usage-code-interpreter-sessions",
    "Usage of the code interpreter",
    "UsageCodeInterpreterSessions",
    usage.CODE_INTERPRETER_SESSIONS,
)
file_search_calls = _operation(
    "usage-file-search-calls", "Usage of file searches", "UsageFileSearchCalls", usage.FILE_SEARCH_CALLS
)
web_search_calls = _operation(
    "usage-web-search-calls", "Usage of web searches", "UsageWebSearchCalls", usage.WEB_SEARCH_CALLS
)
costs = _operation("usage-costs", "Costs", "Costs", COSTS)
