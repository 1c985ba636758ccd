"""Every request has an exchange, with or without an edge."""

import re
from typing import Any

import pytest
from django.test import RequestFactory
from rest_framework.request import Request

from lukhas_site.http import exchange
from lukhas_site.http.exchange import KEY, begin, exchange_of


def test_ids_look_like_openais_and_differ() -> None:
    ids = {begin("GET", "/").request_id for _ in range(100)}

    assert len(ids) == 100
    assert all(re.fullmatch(r"req_[0-9a-f]{32}", request_id) for request_id in ids)


def test_the_edges_exchange_is_found_by_django_and_by_rest_framework(rf: RequestFactory) -> None:
    request: Any = rf.post("/v1/x")
    request.scope = {KEY: begin("POST", "/v1/x")}

    assert exchange_of(request) is request.scope[KEY]
    assert exchange_of(Request(request)) is request.scope[KEY]


def test_a_request_without_an_edge_keeps_the_exchange_it_was_given(rf: RequestFactory, settings: Any) -> None:
    settings.LUKHAS_ORGANIZATION = "acme"
    request = rf.post("/v1/x")

    exchange = exchange_of(request)

    assert (exchange.method, exchange.path, exchange.organization) == ("POST", "/v1/x", "acme")
    assert exchange_of(Request(request)) is exchange
    assert exchange_of(rf.post("/v1/x")) is not exchange


def test_ids_of_later_requests_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((1_764_392_705_123_000_000, 1_764_392_705_124_000_000, 2_000_000_000_000_000_000))
    monkeypatch.setattr(exchange, "time_ns", lambda: next(times))
    ids = [begin("GET", "/").request_id for _ in range(3)]
    assert ids == sorted(ids)
