"""Who may do what under /api/features: every endpoint, for everybody who may ask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.models import ApiKey, AuditEvent, EndReason, Membership, Organization, Project, Role, Session, User
from analytics.models import RolloutGuard
from features import ramping
from features.models import Ramp
from features.ramps import steps_of_text
from tests import openapi
from tests.features.api.conftest import Asker, AsKey, AsPerson, error_of, everything
from tests.features.conftest import MakeFlag

# What each caller is answered where they ask to read, and where they ask to write.
CALLERS: dict[str, tuple[int, int]] = {
    "owner": (200, 200),
    "admin": (200, 200),
    "member": (200, 403),
    "viewer": (200, 403),
    "owner elsewhere": (404, 404),
    "nobody's colleague": (400, 400),
    "owner's admin key": (200, 200),
    "admin's admin key": (200, 200),
    "member's admin key": (403, 403),
    "admin key elsewhere": (404, 404),
    "key": (200, 200),
    "reading key": (200, 403),
    "writing key": (403, 200),
    "other key": (403, 403),
    "viewer's key": (200, 403),
    "member's key": (200, 403),
    "publishable key": (403, 403),
    "key elsewhere": (404, 404),
    "revoked key": (401, 401),
    "ended session": (401, 401),
    "no key": (401, 401),
}
MEASURED = ("owner", "nobody's colleague", "owner's admin key", "key")
"""Whose requests coverage sees: those of the others go the same ways."""
FLAGS = ("flags.read", "flags.write")


@dataclass(frozen=True)
class Deed:
    """An endpoint: whether it writes, how it is asked, and what it answers where another one answers 200."""

    writes: bool
    ask: Callable[[Asker], httpx.Response]
    good: int = 200


def restore(asker: Asker) -> httpx.Response:
    found = AuditEvent.objects.filter(target_type="features.flagstate").latest("pk")
    return asker.post("/dark-mode/restore", {"event": found.public_id})


DEEDS: dict[str, Deed] = {
    "listFeatures": Deed(False, lambda asker: asker.get()),
    "createFeature": Deed(True, lambda asker: asker.post("", {"key": "new"}), 201),
    "retrieveFeature": Deed(False, lambda asker: asker.get("/dark-mode")),
    "updateFeature": Deed(True, lambda asker: asker.patch("/dark-mode", {"description": "New."})),
    "deleteFeature": Deed(True, lambda asker: asker.delete("/dark-mode")),
    "evaluateFeature": Deed(False, lambda asker: asker.post("/dark-mode/evaluate", {"context": {}})),
    "explainFeature": Deed(False, lambda asker: asker.post("/dark-mode/explain", {"context": {}})),
    "killFeature": Deed(False, lambda asker: asker.post("/dark-mode/kill", {"reason": "It hurts."})),
    "listFeatureHistory": Deed(False, lambda asker: asker.get("/dark-mode/history")),
    "restoreFeature": Deed(True, restore),
}
RAMP = {"variant": "on", "rest": "off", "steps": [{"percent": 5}]}
GUARD = {"thresholds": {"error_rate_most": 5}}
ROLLOUTS: dict[str, Deed] = {
    "retrieveFeatureRamp": Deed(False, lambda asker: asker.get("/ramped/ramp")),
    "setFeatureRamp": Deed(True, lambda asker: asker("PUT", "/fresh/ramp", json=RAMP)),
    "pauseFeatureRamp": Deed(True, lambda asker: asker.post("/ramped/ramp/pause", {"reason": ""})),
    "resumeFeatureRamp": Deed(True, lambda asker: asker.post("/paused/ramp/resume")),
    "deleteFeatureRamp": Deed(True, lambda asker: asker.delete("/ramped/ramp")),
    "retrieveRolloutGuard": Deed(False, lambda asker: asker.get("/ramped/guard")),
    "setRolloutGuard": Deed(True, lambda asker: asker("PUT", "/fresh/guard", json=GUARD)),
    "deleteRolloutGuard": Deed(True, lambda asker: asker.delete("/ramped/guard")),
}
COLLECTION = ("listFeatures", "createFeature")
"""What is no single flag: strangers see their own."""


@pytest.fixture
def stranger_project(stranger: Organization) -> Project:
    return Project.objects.create(organization=stranger, name="Theirs", is_default=True)


@pytest.fixture
def asker(person: AsPerson, key: AsKey, admin_key: AsKey, stranger_project: Project) -> Callable[[str], Asker]:
    away = stranger_project.organization
    kinds: dict[str, Callable[[], Asker]] = {
        "owner": lambda: person(Role.OWNER),
        "admin": lambda: person(Role.ADMIN),
        "member": lambda: person(Role.MEMBER),
        "viewer": lambda: person(Role.VIEWER),
        "owner elsewhere": lambda: person(Role.OWNER, away),
        "nobody's colleague": lambda: person(None),
        "owner's admin key": lambda: admin_key(Role.OWNER),
        "admin's admin key": lambda: admin_key(Role.ADMIN),
        "member's admin key": lambda: admin_key(Role.MEMBER),
        "admin key elsewhere": lambda: admin_key(Role.OWNER, away),
        "key": lambda: key(*FLAGS),
        "reading key": lambda: key("flags.read"),
        "writing key": lambda: key("flags.write"),
        "other key": lambda: key("model.read"),
        "viewer's key": lambda: key(*FLAGS, role=Role.VIEWER),
        "member's key": lambda: key(*FLAGS, role=Role.MEMBER),
        "publishable key": lambda: key("flags.read", is_publishable=True, origins=["https://www.example.com"]),
        "key elsewhere": lambda: key(*FLAGS, project=stranger_project),
        "revoked key": lambda: over(key(*FLAGS)),
        "ended session": lambda: over(person(Role.OWNER)),
        "no key": lambda: Asker(key("flags.read").url),
    }
    assert set(kinds) == set(CALLERS)
    return lambda name: kinds[name]()


def rolled_out(make_flag: MakeFlag) -> None:
    """A flag with a ramp and a guard, one whose ramp stands, and one without."""
    now = timezone.now()
    for key in ("ramped", "paused", "fresh"):
        state = make_flag(key, default_variant="off").states.get()
        if key != "fresh":
            ramp = ramping.set_up(state, "on", None, steps_of_text("5@now,50@+1h", now), now)
            RolloutGuard.objects.create(state=state, error_rate_most=5)
        if key == "paused":
            ramping.pause(ramp, "")


def over(asker: Asker) -> Asker:
    if asker.token.startswith("st-"):
        Session.objects.latest("pk").end(EndReason.REVOKED)
    else:
        ApiKey.objects.latest("pk").revoke()
    return asker


@pytest.mark.parametrize(
    "caller", [name if name in MEASURED else pytest.param(name, marks=pytest.mark.unmeasured) for name in CALLERS]
)
@pytest.mark.parametrize("name", DEEDS)
def test_who_may(name: str, caller: str, asker: Callable[[str], Asker], make_flag: MakeFlag) -> None:
    make_flag().states.get().kill("It hurts.")
    deed, ask = DEEDS[name], asker(caller)
    expected = CALLERS[caller][deed.writes]
    if name in COLLECTION and expected == 404:
        expected = 200
    before = everything()
    answer = deed.ask(ask)
    if expected == 200:
        assert answer.status_code == deed.good, answer.text
        return
    assert "dark-mode" not in refused(answer, caller, expected).replace("'dark-mode'", "")
    assert everything() == before


@pytest.mark.parametrize("caller", CALLERS)
def test_who_may_with_ramps_and_guards(caller: str, asker: Callable[[str], Asker], make_flag: MakeFlag) -> None:
    rolled_out(make_flag)
    ask = asker(caller)
    for deed in ROLLOUTS.values():
        expected = CALLERS[caller][deed.writes]
        before = (everything(), list(Ramp.objects.values()), list(RolloutGuard.objects.values()))
        answer = deed.ask(ask)
        if expected == 200:
            assert answer.status_code == 200, answer.text
            continue
        refused(answer, caller, expected)
        assert (everything(), list(Ramp.objects.values()), list(RolloutGuard.objects.values())) == before


def refused(answer: httpx.Response, caller: str, status: int) -> str:
    """The message of an error that tells this caller that it may not."""
    codes = {400: "organization_required", 403: "insufficient_permissions", 404: "not_found"}
    code = codes.get(status, {"no key": None, "ended session": "invalid_session"}.get(caller, "invalid_api_key"))
    return error_of(answer, status, code)


def test_the_matrix_has_every_operation_of_the_document() -> None:
    found = {
        operation["operationId"] for _, path, operation in openapi.operations() if path.startswith("/api/features")
    }
    assert found == {*DEEDS, *ROLLOUTS}


@pytest.mark.parametrize("name", COLLECTION)
def test_strangers_see_and_make_their_own(
    name: str, asker: Callable[[str], Asker], make_flag: MakeFlag, stranger: Organization
) -> None:
    make_flag()
    answer = DEEDS[name].ask(asker("owner elsewhere"))
    assert "dark-mode" not in answer.text
    if name == "createFeature":
        assert list(stranger.flags.values_list("key", flat=True)) == ["new"]


def test_of_several_organisations_the_header_names_one(
    person: AsPerson, make_flag: MakeFlag, stranger: Organization, organization: Organization
) -> None:
    make_flag()
    ask = person(Role.ADMIN)
    Membership.objects.create(user=User.objects.latest("pk"), organization=stranger, role=Role.VIEWER)
    opened = Session.begin(User.objects.latest("pk"), device="", address="")
    assert opened is not None
    ask.token = opened[1]
    error_of(ask.get("/dark-mode"), 400, "organization_required")

    def of(home: Organization) -> Any:
        return ask.get("/dark-mode", headers={"OpenAI-Organization": home.public_id})

    assert of(organization).status_code == 200
    error_of(of(stranger), 404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_what_an_endpoint_has_no_method_for_is_refused(admin: Asker, make_flag: MakeFlag, method: str) -> None:
    make_flag()
    answer = admin(method, "/dark-mode/history")
    error_of(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"
