"""What the tests of features share: an organisation, its environments, and flags."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.audit.context import nobody_acts
from accounts.bootstrap import ensure_defaults
from accounts.models import Organization, Project
from features.bootstrap import ensure_environment
from features.models import Environment, Flag, FlagState
from tests.accounts.server_postgres import migrated, postgres, server_of_postgres

__all__ = ["migrated", "postgres", "server_of_postgres"]

BOOLEAN: dict[str, Any] = {"on": True, "off": False}
MakeFlag = Callable[..., Flag]


@pytest.fixture
def organization(database: None) -> Organization:
    return ensure_defaults()[0]


@pytest.fixture
def project(database: None) -> Project:
    return ensure_defaults()[1]


@pytest.fixture
def environment(database: None) -> Environment:
    """`production` of the default organisation."""
    return ensure_environment()


@pytest.fixture
def stranger(database: None) -> Organization:
    """Another organisation."""
    return Organization.objects.create(slug="elsewhere", name="Elsewhere")


@pytest.fixture
def make_flag(environment: Environment) -> MakeFlag:
    """Makes a flag that is on in production, boolean unless told otherwise: `make_flag("dark", rules=[…])`.

    What a state has goes to the state, all else to the flag.
    """

    def make(key: str = "dark-mode", **fields: Any) -> Flag:
        here = fields.pop("environment", environment)
        names = ("enabled", "off_variant", "default_variant", "rules", "prerequisites")
        state = {"enabled": True, **{name: fields.pop(name) for name in names if name in fields}}
        fields = {"kind": "boolean", "variants": BOOLEAN, "organization": here.organization, **fields}
        if fields["variants"] == BOOLEAN:
            state = {"off_variant": "off", "default_variant": "on", **state}
        flag = Flag.objects.create(key=key, **fields)
        FlagState.objects.create(flag=flag, environment=here, **state)
        return flag

    return make


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    """Each test begins and ends with nobody acting."""
    nobody_acts()
    yield
    nobody_acts()
