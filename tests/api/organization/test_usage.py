"""/v1/organization/usage/… and /v1/organization/costs: buckets, groups, filters, pages, and what is refused."""

from time import time
from typing import Any

import httpx
import openai
import pytest
from django.http import QueryDict
from django.utils.http import urlencode

from analytics.draining import store
from analytics.records import MOST
from api.administration import usage
from api.exceptions import InvalidRequest
from api.serializers.organization.queries import Parameters
from api.serializers.organization.usage import parse_usage
from tests.api.organization.conftest import Http, World, error_of
from tests.api.organization.used import DAY, used

MINUTE, HOUR, LONG = 60, 3600, 86_400
COMPLETIONS = "/usage/completions"
KINDS: dict[str, usage.Kind] = {
    "completions": usage.COMPLETIONS,
    "embeddings": usage.EMBEDDINGS,
    "moderations": usage.MODERATIONS,
    "images": usage.IMAGES,
    "audio_speeches": usage.AUDIO_SPEECHES,
    "audio_transcriptions": usage.AUDIO_TRANSCRIPTIONS,
    "vector_stores": usage.VECTOR_STORES,
    "code_interpreter_sessions": usage.CODE_INTERPRETER_SESSIONS,
    "file_search_calls": usage.FILE_SEARCH_CALLS,
    "web_search_calls": usage.WEB_SEARCH_CALLS,
}
PATHS = [*(f"/usage/{name}" for name in KINDS), "/costs"]


def asked(client: httpx.Client, path: str = COMPLETIONS, **params: Any) -> dict[str, Any]:
    """A page of a day, or of what is told."""
    answer = client.get(path, params={"start_time": DAY, "end_time": DAY + LONG, **params})
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    assert set(page) == {"object", "data", "has_more", "next_page"}
    assert page["object"] == "page"
    assert page["has_more"] == (page["next_page"] is not None)
    return page


def results(client: httpx.Client, path: str = COMPLETIONS, **params: Any) -> list[dict[str, Any]]:
    """The results of the one bucket of that day."""
    (bucket,) = asked(client, path, **params)["data"]
    assert (bucket["object"], bucket["start_time"], bucket["end_time"]) == ("bucket", DAY, DAY + LONG)
    found: list[dict[str, Any]] = bucket["results"]
    return found


def test_completions_are_told_as_the_specification_has_them(api: httpx.Client, world: World) -> None:
    chat = used(world, input_tokens=1000, cached_tokens=400, output_tokens=500)
    store([chat, chat._replace(request_id="req_a", endpoint="/v1/completions"), used(world, endpoint="/v1/embeddings")])
    assert results(api) == [
        {
            "object": "organization.usage.completions.result",
            "input_tokens": 2000,
            "input_cached_tokens": 800,
            "input_cache_write_tokens": 0,
            "input_uncached_tokens": 1200,
            "output_tokens": 1000,
            "input_text_tokens": 1200,
            "output_text_tokens": 1000,
            "input_cached_text_tokens": 800,
            "input_audio_tokens": 0,
            "input_cached_audio_tokens": 0,
            "output_audio_tokens": 0,
            "input_image_tokens": 0,
            "input_cached_image_tokens": 0,
            "output_image_tokens": 0,
            "num_model_requests": 2,
            "project_id": None,
            "user_id": None,
            "api_key_id": None,
            "model": None,
            "batch": None,
            "service_tier": None,
        }
    ]


def test_what_only_reads_tells_its_input_and_its_requests(api: httpx.Client, world: World) -> None:
    for kind in ("embeddings", "moderations"):
        store([used(world, endpoint=f"/v1/{kind}", input_tokens=7), used(world)])
        assert results(api, f"/usage/{kind}") == [
            {
                "object": f"organization.usage.{kind}.result",
                "input_tokens": 7,
                "num_model_requests": 1,
                "project_id": None,
                "user_id": None,
                "api_key_id": None,
                "model": None,
            }
        ]


def test_failed_and_cut_requests_count_with_what_they_used(api: httpx.Client, world: World) -> None:
    store([used(world, status=status, input_tokens=3) for status in (200, 400, 499, 502)])
    (result,) = results(api)
    assert (result["num_model_requests"], result["input_tokens"]) == (4, 12)


def test_where_nothing_was_used_a_bucket_is_there_and_empty(api: httpx.Client, world: World) -> None:
    store([used(world, second=LONG)])
    for path in PATHS:
        assert results(api, path) == [], path


def test_what_this_server_does_not_do_was_never_used(api: httpx.Client, world: World) -> None:
    store([used(world)])
    for name, kind in KINDS.items():
        if kind.endpoints == ():
            assert results(api, f"/usage/{name}", group_by=list(kind.groups)) == [], name
    for name, query in (
        ("file_search_calls", "vector_store_ids"),
        ("images", "sizes"),
        ("web_search_calls", "context_levels"),
    ):
        assert results(api, f"/usage/{name}", **{query: "x"}) == []


def test_the_sdk_reads_every_kind_strictly(admin: openai.OpenAI, world: World) -> None:
    store([used(world, endpoint="/v1/embeddings"), used(world), used(world, endpoint="/v1/moderations")])
    for name, kind in KINDS.items():
        call: Any = getattr(admin.admin.organization.usage, name)
        page = call(start_time=DAY, end_time=DAY + 2 * LONG, bucket_width="1d", group_by=["project_id"], limit=2)
        assert [len(bucket.results) for bucket in page.data] == [1 if kind.endpoints else 0, 0]
        for result in page.data[0].results:
            assert (result.object, result.project_id) == (kind.result, world.project.public_id)


def test_costs_are_dollars_by_day(api: httpx.Client, admin: openai.OpenAI, world: World) -> None:
    store([used(world, cost_micro=60_000), used(world, cost_micro=1, endpoint="/v1/embeddings")])
    assert results(api, "/costs") == [
        {
            "object": "organization.costs.result",
            "amount": {"value": 0.060001, "currency": "usd"},
            "quantity": None,
            "quantity_unit": None,
            "project_id": None,
            "line_item": None,
            "api_key_id": None,
        }
    ]
    page = admin.admin.organization.usage.costs(start_time=DAY, end_time=DAY + LONG, group_by=["line_item"])
    (result,) = page.data[0].results
    assert result.object == "organization.costs.result"
    assert (result.line_item, result.quantity, result.quantity_unit) == ("big-1", 30, "tokens")
    assert result.amount is not None
    assert (result.amount.value, result.amount.currency) == (0.060001, "usd")


def test_groups_are_told_apart_and_named(api: httpx.Client, world: World) -> None:
    store(
        [
            used(world, model="a", input_tokens=1),
            used(world, model="b", input_tokens=2),
            used(world, model="b", key_id="key_other", input_tokens=4),
        ]
    )
    by_model = results(api, group_by=["model", "batch", "service_tier"])
    assert [(one["model"], one["input_tokens"]) for one in by_model] == [("a", 1), ("b", 6)]
    assert {(one["batch"], one["service_tier"], one["api_key_id"]) for one in by_model} == {(False, "default", None)}
    by_key = results(api, group_by=["api_key_id", "user_id", "project_id", "model"])
    assert {(one["api_key_id"], one["model"]): one["input_tokens"] for one in by_key} == {
        (world.key.public_id, "a"): 1,
        (world.key.public_id, "b"): 2,
        ("key_other", "b"): 4,
    }
    assert {(one["user_id"], one["project_id"]) for one in by_key} == {
        (world.account.public_id, world.project.public_id)
    }
    assert results(api, group_by=["model", "model"]) == results(api, group_by="model")


def test_filters_leave_what_has_one_of_the_values(api: httpx.Client, world: World) -> None:
    fields = {"project_ids": "project_id", "user_ids": "user_id", "api_key_ids": "key_id", "models": "model"}
    for parameter, field in fields.items():
        store([used(world, **{field: f"{field} {value}"}) for value in ("one", "two", "three")])
        for name in (parameter, f"{parameter}[]"):
            (result,) = results(api, **{name: [f"{field} one", f"{field} three", "unknown"]})
            assert result["num_model_requests"] == 2
            assert results(api, **{name: "unknown"}) == []


def test_there_are_no_batches(api: httpx.Client, world: World) -> None:
    store([used(world)])
    assert results(api, batch="true") == []
    assert results(api, batch="false") == results(api)


def test_buckets_are_whole_ones_of_utc_and_empty_ones_are_there(api: httpx.Client, world: World) -> None:
    for width, seconds, usual, most in (("1m", MINUTE, 60, 1440), ("1h", HOUR, 24, 168), ("1d", LONG, 7, 31)):
        model = {"model": f"of {width}"}
        store([used(world, second, **model) for second in (0, seconds - 1, seconds, 3 * seconds)])
        unaligned = {"start_time": DAY + seconds // 2, "end_time": DAY + most * seconds * 2, "bucket_width": width}
        for limit in (None, 3, most):
            page = asked(api, **unaligned, models=[*model.values()], **({} if limit is None else {"limit": limit}))
            starts = [bucket["start_time"] for bucket in page["data"]]
            assert starts == list(range(DAY, DAY + (limit or usual) * seconds, seconds))
            assert [bucket["end_time"] for bucket in page["data"]] == [start + seconds for start in starts]
            assert page["has_more"]
        counts = [sum(one["num_model_requests"] for one in bucket["results"]) for bucket in page["data"][:5]]
        assert counts == [2, 1, 0, 1, 0]
        error = error_of(api.get(COMPLETIONS, params={**unaligned, "limit": most + 1}), 400)
        assert (error["param"], error["code"]) == ("limit", "integer_above_max_value")


def test_costs_have_up_to_180_days_on_a_page(api: httpx.Client) -> None:
    whole = {"start_time": DAY, "end_time": DAY + 1000 * LONG}
    assert len(asked(api, "/costs", **whole)["data"]) == 7
    assert len(asked(api, "/costs", **whole, limit=180)["data"]) == 180
    assert error_of(api.get("/costs", params={**whole, "limit": 181}), 400)["param"] == "limit"


def test_pages_follow_each_other_to_the_end(admin: openai.OpenAI, world: World) -> None:
    store([used(world, second=hour * HOUR) for hour in range(10)])
    found, cursor, pages = [], openai.omit, 0
    while cursor is not None:
        page = admin.admin.organization.usage.completions(
            start_time=DAY + 1, end_time=DAY + 9 * HOUR + 1, bucket_width="1h", limit=4, page=cursor
        )
        found += page.data
        cursor, pages = page.next_page, pages + 1
        assert page.has_more == (cursor is not None)
    assert pages == 3
    assert [bucket.start_time for bucket in found] == [DAY + hour * HOUR for hour in range(10)]
    assert all(len(bucket.results) == 1 for bucket in found)


def test_without_an_end_it_goes_on_until_now(api: httpx.Client) -> None:
    now = int(time())
    last = api.get(COMPLETIONS, params={"start_time": now - 2 * LONG}).json()["data"][-1]
    assert last["start_time"] <= now < last["end_time"] + 2
    assert api.get(COMPLETIONS, params={"start_time": now + 30 * LONG}).json()["data"] == []


def test_another_organisation_has_its_own(api: httpx.Client, http: Http, world: World, elsewhere: World) -> None:
    store([used(world, input_tokens=1), used(elsewhere, input_tokens=2)])
    assert [one["input_tokens"] for one in results(api)] == [1]
    assert [one["input_tokens"] for one in results(http(elsewhere.admin_token))] == [2]
    assert results(api, project_ids=elsewhere.project.public_id) == []


def test_sums_beyond_what_json_holds_are_told_as_far_as_it_does(api: httpx.Client, world: World) -> None:
    store([used(world, key_id=key, input_tokens=MOST, cached_tokens=0) for key in ("key_1", "key_2")])
    (result,) = results(api)
    assert result["input_tokens"] == MOST


def test_every_kind_refuses_what_is_wrong(api: httpx.Client) -> None:
    for path in PATHS:
        assert error_of(api.get(path), 400)["param"] == "start_time"
        assert error_of(api.get(path, params={"start_time": DAY, "colour": "red"}), 400)["param"] == "colour"


@pytest.mark.parametrize("kind", [usage.COMPLETIONS, usage.VECTOR_STORES, usage.COSTS], ids=lambda kind: kind.result)
@pytest.mark.parametrize(
    ("params", "param", "code"),
    [
        ({"start_time": ""}, "start_time", "missing_required_parameter"),
        ({"start_time": "yesterday"}, "start_time", "invalid_type"),
        ({"start_time": -1}, "start_time", "integer_below_min_value"),
        ({"start_time": 10**15}, "start_time", "integer_above_max_value"),
        ({"end_time": "now"}, "end_time", "invalid_type"),
        ({"end_time": DAY}, "end_time", "invalid_value"),
        ({"bucket_width": "5m"}, "bucket_width", "invalid_value"),
        ({"limit": 0}, "limit", "integer_below_min_value"),
        ({"limit": "all"}, "limit", "invalid_type"),
        ({"limit": 1000_000}, "limit", "integer_above_max_value"),
        ({"group_by": "colour"}, "group_by", "invalid_value"),
        ({"project_ids": "a\0b"}, "project_ids", "invalid_value"),
        ({"page": "page_"}, "page", "invalid_value"),
        ({"page": "nothing"}, "page", "invalid_value"),
        ({"page": "page_A"}, "page", "invalid_value"),
        ({"page": "page_" + "A" * 400}, "page", "invalid_value"),
        ({"page": "page_\N{PILE OF POO}"}, "page", "invalid_value"),
        ({"colour": "red"}, "colour", "unknown_parameter"),
    ],
)
def test_what_is_wrong_is_refused_by_name(kind: usage.Kind, params: dict[str, Any], param: str, code: str) -> None:
    sent = QueryDict(urlencode({"start_time": DAY, "end_time": DAY + LONG, **params}))
    with pytest.raises(InvalidRequest) as refused:
        parse_usage(Parameters(sent), kind)
    assert (refused.value.param, refused.value.code) == (param, code)


def test_a_page_of_another_question_is_refused(api: httpx.Client) -> None:
    cursor = asked(api, bucket_width="1h", limit=5)["next_page"]
    assert asked(api, bucket_width="1h", page=cursor)["data"][0]["start_time"] == DAY + 5 * HOUR
    for other in (
        {},
        {"bucket_width": "1h", "start_time": DAY + 6 * HOUR},
        {"bucket_width": "1h", "end_time": DAY + 1},
    ):
        whole = {"start_time": DAY, "end_time": DAY + LONG, **other, "page": cursor}
        assert error_of(api.get(COMPLETIONS, params=whole), 400)["param"] == "page"


def test_batch_is_true_or_false(api: httpx.Client) -> None:
    whole = {"start_time": DAY, "batch": "maybe"}
    assert error_of(api.get(COMPLETIONS, params=whole), 400)["param"] == "batch"
    assert error_of(api.get("/usage/embeddings", params=whole), 400)["code"] == "unknown_parameter"
