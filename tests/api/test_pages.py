"""/docs, /redoc and the front door, as a server sends them. A browser opens them in tests/browser."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from drf_spectacular.generators import SchemaGenerator

from api.views import pages


def policy(response: httpx.Response) -> dict[str, str]:
    """The Content-Security-Policy of an answer, by directive."""
    directives = response.headers["content-security-policy"].split(";")
    return dict(directive.strip().partition(" ")[::2] for directive in directives)


def test_the_front_door_leads_to_the_docs(anonymous: httpx.Client) -> None:
    response = anonymous.get("/")
    assert (response.status_code, response.headers["location"]) == (302, "/docs")


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_a_page_runs_no_script_of_its_own_and_none_from_elsewhere(anonymous: httpx.Client, path: str) -> None:
    response = anonymous.get(path)
    assert response.status_code == 200
    assert policy(response)["script-src"] == "'self'"
    assert policy(response)["default-src"] == "'none'"
    assert not re.search(r"<script(?![^>]*\ssrc=)[^>]*>", response.text)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", response.text)
    assert "<style" not in response.text
    assert response.headers["x-request-id"].startswith("req_")


def test_only_redoc_may_make_styles_while_it_runs(anonymous: httpx.Client) -> None:
    assert policy(anonymous.get("/docs"))["style-src"] == "'self'"
    assert policy(anonymous.get("/redoc"))["style-src"] == "'self' 'unsafe-inline'"


def test_the_script_of_docs_reads_this_servers_document_and_asks_no_other_host(anonymous: httpx.Client) -> None:
    page = anonymous.get("/docs").text
    address = re.search(r'<script src="(/docs\?[^"]*)"', page)
    assert address
    script = anonymous.get(address[1])
    assert script.headers["content-type"].startswith("application/javascript")
    assert 'url: "/openapi.json"' in script.text.replace("\\u002D", "-")
    assert '"validatorUrl": null' in script.text


def test_many_who_ask_for_the_document_first_at_the_same_time_get_the_same_made_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages._document.cache_clear()
    makers = []
    inside = threading.Event()
    make = SchemaGenerator.get_schema

    def slowly(self: SchemaGenerator, **how: Any) -> Any:
        makers.append(threading.current_thread())
        inside.wait(0.2)  # whoever else is let in comes in meanwhile
        return make(self, **how)

    monkeypatch.setattr(SchemaGenerator, "get_schema", slowly)
    with ThreadPoolExecutor(4) as threads:
        documents = {future.result() for future in [threads.submit(pages.document) for _ in range(4)]}
    assert len(makers) == len(documents) == 1
