"""Hostile bodies at every endpoint of the Admin API that takes one: refused or honoured, never a crash."""

import httpx
import pytest
from hypothesis import given

from tests.api.organization.conftest import World
from tests.api.organization.endpoints import EXAMPLES, path
from tests.contract.test_fuzz import bodies, bounded, check_refusal
from tests.measuring import unmeasured

pytestmark = pytest.mark.unmeasured

TAKING = [key for key, example in EXAMPLES.items() if example.body is not None]


@pytest.mark.parametrize(("name", "method"), TAKING, ids=[f"{method}-{name}" for name, method in TAKING])
def test_hostile_json_is_refused_or_honoured_but_never_a_crash(
    name: str, method: str, api: httpx.Client, world: World
) -> None:
    example = EXAMPLES[name, method]
    example.prepare(world)
    outcomes: list[int] = []

    @bounded(150)
    @given(body=bodies([example.sent(world) or {}]))
    def attack(body: bytes) -> None:
        answer = api.request(method, path(name, world), content=body, headers={"Content-Type": "application/json"})
        outcomes.append(answer.status_code)
        if answer.status_code != 200:
            check_refusal(answer.status_code, answer.headers, answer.content)

    with unmeasured():
        attack()
    assert outcomes.count(400) > 50
