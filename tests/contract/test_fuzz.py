"""Every endpoint, fuzzed from the OpenAPI document and with hostile JSON, on the real server.

Whatever comes in: no 5xx, nothing that the document does not tell, and every refusal in the envelope with its headers.
The runs are bounded, and the same each time.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.bootstrap import ensure_defaults
from accounts.models import Membership, Role, Session, User
from api.models import Model
from tests import openapi
from tests.conftest import MakeKey
from tests.measuring import unmeasured
from tests.serving import Server

pytestmark = pytest.mark.unmeasured

ECHO = "lukhas-echo-1"
SEED = 20251125
PASSWORD = "correct horse battery staple"
"""The one of the document's examples."""
REFUSALS = {400, 401, 403, 404, 405, 409, 412, 413, 415}
OFREP = "/ofrep/"
OPERATIONS = [(method, path) for method, path, _ in openapi.operations()]
BODIES: dict[str, list[dict[str, Any]]] = {
    path: [
        {**example, "model": ECHO}
        for example in openapi.examples(operation["requestBody"]["content"]["application/json"]).values()
    ]
    for _, path, operation in openapi.operations()
    if "requestBody" in operation and not path.startswith((*openapi.ADMINISTRATION, OFREP, "/api/"))
}
# These turn nearly every request away: see tests/accounts for what they do.
TURNING_AWAY = ("OpenAI-Organization", "OpenAI-Project")
FAILED = re.compile(rb'"error":[^n]|"type":"error"')
"""What ends a stream that fails."""
DESCRIBED = schemathesis.openapi.from_dict(openapi.document())


def bounded(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """So many examples from the fixed seed. No shrinking: what fails is shown as it was found, at no further cost."""
    run = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: seed(SEED)(run(test))


def check_refusal(status: int, headers: Any, content: bytes) -> None:
    """A refusal is one that a caller can bring about, in OpenAI's envelope, with the headers of every answer."""
    check_answer(status, headers, content)
    error = json.loads(content)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert error["message"]
    assert error["type"] in {"invalid_request_error", "max_tokens_per_request"}
    assert error["param"] is None or isinstance(error["param"], str)
    assert error["code"] is None or isinstance(error["code"], str)


def check_ofrep_refusal(status: int, headers: Any, content: bytes) -> None:
    """Likewise, as OFREP has errors."""
    check_answer(status, headers, content)
    error = json.loads(content)
    assert set(error) - {"key"} == {"errorCode", "errorDetails"}
    assert error["errorCode"] in {"PARSE_ERROR", "INVALID_CONTEXT", "FLAG_NOT_FOUND", "GENERAL"}
    assert error["errorDetails"]


def check_answer(status: int, headers: Any, content: bytes) -> None:
    """What every refusal has, in whichever form."""
    assert status in REFUSALS, (status, content[:500])
    assert len(content) < 10_000
    assert headers["x-request-id"].startswith("req_")
    assert int(headers["openai-processing-ms"]) >= 0
    assert headers["openai-version"] == "2020-10-01"
    assert headers["content-type"] == "application/json"


@pytest.fixture(autouse=True)
def uncounted(settings: Any) -> None:
    """Nobody is turned away for having asked often, or for wrong passwords, of which there are many here."""
    settings.LUKHAS_LOGIN_RATE = settings.LUKHAS_API_RATE = "100000/m"
    settings.AXES_ENABLED = False
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def judging(database: None) -> None:
    """The echo answers at every endpoint."""
    Model.objects.filter(model_id=ECHO).update(moderations=True)


def credential(path: str, make_key: MakeKey) -> str:
    """What opens an endpoint: a session of an owner's, an admin key, or a project's key."""
    if path.startswith("/api/"):
        user = User.objects.create_user("ann", "ann@example.com", PASSWORD)
        Membership.objects.create(user=user, organization=ensure_defaults()[0], role=Role.OWNER)
        begun = Session.begin(user, device="tests", address="")
        assert begun is not None
        return begun[1]
    if path.startswith(openapi.ADMINISTRATION):
        return make_key("administrator", is_admin=True, project=None)
    return make_key()


# --- From the document -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as described", "otherwise"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_endpoint_answers_whatever_is_asked_as_described(
    server: Server, make_key: MakeKey, method: str, path: str, mode: GenerationMode
) -> None:
    key = credential(path, make_key)
    asked = 0

    @bounded(30 if method == "post" else 12)
    @given(case=DESCRIBED[path][method.upper()].as_strategy(generation_mode=mode), model=st.sampled_from([ECHO, None]))
    def fuzz(case: Case, model: str | None) -> None:
        nonlocal asked
        for name in TURNING_AWAY:
            (case.headers or {}).pop(name, None)
        if model and isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
            case.body = {**case.body, "model": model}  # the body itself may be an example of the document's
        response = case.call(base_url=server.url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        checks = [status_code_conformance, content_type_conformance, response_headers_conformance]
        if "application/json" in response.headers.get("content-type", [""])[0]:
            checks.append(response_schema_conformance)
        case.validate_response(response, checks=checks)
        asked += 1
        if response.status_code >= 400:
            headers = {name: values[0] for name, values in response.headers.items()}
            check = check_ofrep_refusal if path.startswith(OFREP) else check_refusal
            check(response.status_code, headers, response.content)

    with unmeasured():
        fuzz()
    assert asked >= 10


# --- Hostile JSON ----------------------------------------------------------------------------------------------

DEEP = "\N{REPLACEMENT CHARACTER}deep"
HOSTILE: list[Any] = [
    None, True, False, 0, 1, -1, 0.5, -0.0, 1e308, 5e-324, float("nan"), float("inf"),
    2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**29, -(10**29),
    "", "\x00", "\ud800", "\udc00\ud800", "\u202e", "0", "true", "null", "NaN", "\U0001f600" * 50, "x" * 70_000, DEEP,
    [], [[]], [{}], [None], [1, "a"], [1] * 3000,
    {}, {"": None}, {"\x00": 1}, {"\ud800": 1}, {"$ref": "#"}, {"__proto__": {}},
    {"role": "user"}, {"type": "function"}, {"type": "json_schema"}, ECHO,
]  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder and key in a JSON value, at every level."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


@st.composite
def bodies(draw: st.DrawFn, good: list[dict[str, Any]]) -> bytes:
    """One of the good bodies, with one to three places made bad; all values and places as likely as each other."""
    random = draw(st.randoms(use_true_random=True))
    body = copy.deepcopy(random.choice(good))
    for _ in range(random.randint(1, 3)):
        found = list(places(body))
        if not found:
            break
        holder, key = random.choice(found)
        deed = random.choice(["replace", "replace", "wrap", "remove", "add"])
        value = copy.deepcopy(random.choice(HOSTILE))
        if deed == "remove":
            del holder[key]
        elif deed == "wrap":
            holder[key] = random.choice([[holder[key]], {"value": holder[key]}, [holder[key]] * 50])
        elif deed == "add" and isinstance(holder, dict):
            holder[random.choice(["", "extra", "$ref", "strict", "type", "content", "\ud800"])] = value
        else:
            holder[key] = value
    depth = random.choice([100, 127, 128, 129, 5000])
    nested = "[" * depth + "]" * depth
    return json.dumps(body).replace(json.dumps(DEEP), nested).encode()


def test_hostile_bodies_are_as_hostile_as_they_claim_and_the_same_each_time() -> None:
    made: list[bytes] = []

    @bounded(300)
    @given(body=bodies(next(iter(BODIES.values()))))
    def collect(body: bytes) -> None:
        made.append(body)

    collect()
    first = made.copy()
    made.clear()
    collect()
    assert made == first
    for sign in (b"\\ud800", b"[[[[[[[[[[[[[[[[[[", b"00000000000000000000000000000", b"NaN", b"xxxxxxxxxxxxxxx"):
        assert any(sign in body for body in made), sign


@pytest.mark.parametrize("path", BODIES)
def test_hostile_json_is_refused_or_honoured_but_never_a_crash(client: httpx.Client, path: str) -> None:
    outcomes: list[int] = []

    @bounded(500)
    @given(body=bodies(BODIES[path]))
    def attack(body: bytes) -> None:
        response = client.post(path, content=body, headers={"Content-Type": "application/json"})
        outcomes.append(response.status_code)
        if response.status_code == 200:
            assert not FAILED.search(response.content[-2000:]), response.text[-2000:]
        else:
            check_refusal(response.status_code, response.headers, response.content)

    with unmeasured():
        attack()
    assert outcomes.count(200) > 10
    assert outcomes.count(400) > 100
