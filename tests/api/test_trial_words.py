"""What staff read of a trial: each way to fail has words of its own, and no text from elsewhere is shown as it came."""

import errno
import os
import ssl
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http import HttpProcessingError

from api import trial_words as words
from lukhas_site.http.resolving import ForbiddenDestination

AT = ConnectionKey("gpu", 8000, False, True, None, None, None)
REFUSED = OSError(errno.ECONNREFUSED, "Connect call failed ('10.0.0.7', 8000)")
SELF_SIGNED = ssl.SSLCertVerificationError(1, "certificate verify failed")
SELF_SIGNED.verify_message = "self-signed certificate"
NO_TLS = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
NO_TLS.reason = "WRONG_VERSION_NUMBER"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TimeoutError(), "No answer within 2.5 seconds."),
        (aiohttp.ServerTimeoutError(), "No answer within 2.5 seconds."),
        (ForbiddenDestination("no"), "Link-local and metadata addresses are never called, nor names that lead there."),
        (
            aiohttp.ClientConnectorDNSError(AT, ForbiddenDestination("no")),
            "Link-local and metadata addresses are never called, nor names that lead there.",
        ),
        (aiohttp.ClientConnectorDNSError(AT, OSError(-2, "x")), "There is no server of the name gpu."),
        (aiohttp.ClientConnectorError(AT, REFUSED), "No connection to gpu, port 8000: Connection refused."),
        (aiohttp.ClientConnectorError(AT, OSError("all failed")), "No connection to gpu, port 8000: all failed."),
        (
            aiohttp.ClientConnectorCertificateError(AT, SELF_SIGNED),
            "No TLS connection: the certificate is not valid (self-signed certificate).",
        ),
        (
            aiohttp.ClientConnectorCertificateError(AT, ValueError("other name")),
            "No TLS connection: the certificate is not valid (other name).",
        ),
        (aiohttp.ClientConnectorSSLError(AT, NO_TLS), "No TLS connection: wrong version number."),
        (
            HttpProcessingError(message="Bad status line"),
            "What came is no HTTP. Is it the right port, and http or https as it should be?",
        ),
        (aiohttp.ServerDisconnectedError(), "The connection broke off before an answer was there."),
        (ConnectionResetError(104, "reset"), "The connection broke off before an answer was there."),
    ],
)
def test_why_there_is_no_answer(error: Exception, told: str) -> None:
    assert words.of_failure(error, 2.5) == told


def test_the_systems_word_for_it_is_known_here() -> None:
    assert os.strerror(errno.ECONNREFUSED) == "Connection refused"


@pytest.mark.parametrize(
    ("status", "body", "keyed", "told"),
    [
        (401, b'{"error": {"message": "Bad key."}}', True, "It refuses the key. It says: Bad key."),
        (403, b"", True, "It refuses the key."),
        (401, b'{"error": "Who?"}', False, "It wants a key, and has none. It says: Who?"),
        (404, b"<html>", False, "Not found. The base URL of most servers ends in /v1."),
        (429, b"{}", True, "Its limit is reached."),
        (307, b"", True, "It redirects to http://b/; redirects are not followed."),
        (500, b'{"detail": "Oops."}', True, "It answers with an error. It says: Oops."),
        (418, b'{"message": 5}', True, "It answers with an error."),
    ],
)
def test_what_a_status_means(status: int, body: bytes, keyed: bool, told: str) -> None:
    assert words.of_status(status, {"Location": "http://b/"}, body, keyed=keyed) == told


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ({"data": [{"id": "a"}, {"id": "b"}]}, ("a", "b")),
        ({"data": [{"id": "a"}, {"id": 5}, "c", {}]}, ("a",)),
        ({"data": []}, ()),
        ({"data": {"id": "a"}}, None),
        ({"models": []}, None),
    ],
)
def test_which_models_a_list_names(answer: dict[str, Any], names: tuple[str, ...] | None) -> None:
    assert words.of_models(answer) == names


def test_of_a_list_without_end_only_the_first_thousand_count() -> None:
    assert len(words.of_models({"data": [{"id": str(at)} for at in range(2_000)]}) or ()) == 1_000


@pytest.mark.parametrize(
    ("capability", "answer", "told"),
    [
        ("chat", {"choices": [{"message": {"content": "OK"}}]}, "It says “OK”."),
        ("chat", {"choices": [{"message": {"content": None}}]}, "It says nothing in so few tokens."),
        ("chat", {"choices": [{"message": {"content": " "}}]}, "It says nothing in so few tokens."),
        ("chat", {"choices": [{"message": {}}]}, None),
        ("chat", {"choices": [{"message": "OK"}]}, None),
        ("chat", {"choices": []}, None),
        ("chat", {"choices": "OK"}, None),
        ("chat", {"choices": ["OK"]}, None),
        ("completions", {"choices": [{"text": "OK"}]}, "It says “OK”."),
        ("completions", {"choices": [{}]}, None),
        ("embeddings", {"data": [{"embedding": [0.5, 0.5]}]}, "A vector of 2 numbers."),
        ("embeddings", {"data": [{"embedding": "AAAA"}]}, None),
        ("embeddings", {}, None),
    ],
)
def test_what_an_answer_holds(capability: str, answer: dict[str, Any], told: str | None) -> None:
    without = None if told is None else f"{told} It does not say how many tokens that took."
    assert words.of_answer(capability, answer) == without


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"results": [{"flagged": False}]}, "It flags nothing."),
        ({"results": [{"flagged": True}]}, "It flags a harmless text."),
        ({"results": [{"flagged": 1}]}, None),
        ({}, None),
    ],
)
def test_what_a_judgement_says_which_never_tells_what_it_took(answer: dict[str, Any], told: str | None) -> None:
    assert words.of_answer("moderations", answer) == told


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 1}, "9 tokens in, 1 out."),
        ({"prompt_tokens": 9}, "9 tokens in."),
        ({"prompt_tokens": "9"}, "It does not say how many tokens that took."),
    ],
)
def test_what_it_took(usage: dict[str, Any], told: str) -> None:
    answer = {"choices": [{"text": "OK"}], "usage": usage}
    assert words.of_answer("completions", answer) == f"It says “OK”. {told}"


@pytest.mark.parametrize(("body", "answer"), [(b'{"a": 1}', {"a": 1}), (b"[1]", None), (b'{"a', None), (b"<p>", None)])
def test_only_an_object_is_an_answer(body: bytes, answer: dict[str, Any] | None) -> None:
    assert words.parsed(body) == answer


def test_a_text_from_elsewhere_is_short_one_line_and_without_the_key() -> None:
    assert words.shortened("Bad key sk-1 \n\x1b[31m of sk-1.", "sk-1") == "Bad key *** [31m of ***."
    assert words.shortened("x" * 500, "") == "x" * 300 + "…"
    assert words.shortened("x" * 298 + "sk-secret", "sk-secret") == "x" * 298 + "**…"
