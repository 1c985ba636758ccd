"""What tests share: the server, an empty database with what a first start makes, keys, and the official SDK."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import openai
import pytest
from django.apps import apps
from django.conf import settings
from django.core.cache import cache, caches
from django.db import connection
from django.test.utils import override_settings, setup_databases, teardown_databases

from accounts.memo import callers
from tests import environment
from tests.beginnings import Beginnings, empty
from tests.measuring import unmeasured
from tests.serving import Server

LONGEST = (
    "test_suites_postgres.py",
    "test_fuzz.py",
    "test_staff_matrix.py",
    "test_usage_kills.py",
    "test_outages_postgres.py",
    "test_bootstrap_postgres.py",
)
OWN_APPS = ("accounts", "features", "analytics", "api", "admin", "auth", "sessions", "axes")
KEPT = ("auth_permission",)
QUICK_HASHER = "django.contrib.auth.hashers.MD5PasswordHasher"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: begun last, one processor would work on them while the others have nothing to do. On
    another database than SQLite, the tests that use it."""
    if environment.DATABASE_URL:
        items[:] = [item for item in items if "database" in getattr(item, "fixturenames", ())]
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """New passwords are hashed in no time, production's hasher taking half a second; what that hashed still holds."""
    with override_settings(PASSWORD_HASHERS=[QUICK_HASHER, *settings.PASSWORD_HASHERS]):
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """The test database, also for tests that use it through `database` and never through pytest-django's marks."""
    with django_db_blocker.unblock():
        with unmeasured():
            made = setup_databases(verbosity=0, interactive=False, aliases={"default"})
        yield
        stop_watching()
        if connection.vendor == "postgresql":  # threads that served may still hold a connection, and it is not dropped
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        teardown_databases(made, verbosity=0)


def stop_watching() -> None:
    """Ends the threads that look at flags and policies: they would go on looking at a database that is gone."""
    from api.guardian.recording import vetoes
    from api.guardian.watching import watch as policies_watch
    from features.ruleset import watch

    watch.stop()
    policies_watch.keeper.stop()
    vetoes.keeper.stop()


def tables() -> list[str]:
    """The tables that a test may leave something in."""
    known = (model._meta for model in apps.get_models(include_auto_created=True))
    return [meta.db_table for meta in known if meta.app_label in OWN_APPS and meta.db_table not in KEPT]


def empty_database() -> None:
    """Deletes every row of every table of ours, and what this process remembers of them."""
    from accounts.alerts.watching import watch
    from accounts.limits import gate
    from accounts.pages import pages
    from accounts.uses import uses
    from analytics import identities, intake, policies, usage, vocabularies
    from analytics.exposures import keeping
    from api import catalog, idempotency
    from api.balancing import traffic
    from api.breakers import breakers
    from api.guardian.recording import vetoes
    from api.guardian.watching import watch as policies_watch
    from features import ruleset
    from features.exposures import exposures
    from features.recording import recorder

    gate.forget()
    watch.forget()
    uses.forget()
    pages.forget()
    usage.forget()
    intake.forget()
    for remembered in (vocabularies.vocabularies, policies.policies, idempotency.unkept, identities.remembered):
        remembered.forget()
    exposures.forget()
    recorder.forget()
    keeping.forget()
    vetoes.forget()
    empty(tables())
    catalog.forget()
    breakers.forget()
    traffic.forget()
    ruleset.watch.forget()
    policies_watch.forget()
    callers.forget()
    cache.clear()
    caches["guards"].clear()
    caches["idempotency"].clear()


@pytest.fixture(scope="session")
def beginnings(django_db_setup: None, django_db_blocker: Any) -> Beginnings:
    """What tests begin with, kept beside; the tables themselves are empty again."""
    with django_db_blocker.unblock():
        kept = Beginnings(tables())
        empty_database()
    return kept


@pytest.fixture
def database(beginnings: Beginnings, django_db_blocker: Any) -> Iterator[None]:
    """A database as a first start leaves it, that every thread sees; emptied afterwards."""
    with django_db_blocker.unblock():
        try:
            beginnings.first_start()
            yield
        finally:
            empty_database()


@pytest.fixture(scope="session")
def served(django_db_setup: None) -> Iterator[Server]:
    """The application of production, on real sockets, once for the whole run. Rollouts are guarded, visits derived and
    memory tidied by the rounds that tests make."""
    from analytics.visits import deriving
    from lukhas_site import memory
    from lukhas_site.asgi import application

    with ExitStack() as stack:
        with override_settings(LUKHAS_ROLLOUT_KEEPER=False):
            server = stack.enter_context(Server(application))
        deriving.keeper.stop()
        memory.keeper.stop()
        yield server


@pytest.fixture
def server(served: Server, database: None) -> Server:
    """The running server on a fresh database."""
    return served


MakeKey = Callable[..., str]


@pytest.fixture
def make_key(database: None) -> MakeKey:
    """Makes a key of a service account of the default project: `make_key(scopes=["model.read"])`."""
    from accounts.bootstrap import ensure_defaults
    from accounts.models import ApiKey, ServiceAccount

    def make(name: str = "tests", **fields: Any) -> str:
        organization, project = ensure_defaults()
        roles = {"role": "owner", "organization_role": "owner" if fields.get("is_admin") else ""}
        account, _ = ServiceAccount.objects.get_or_create(project=project, name=name, defaults=roles)
        fields = {"project": project, "service_account": account, **fields}
        return ApiKey.issue(name=name, organization=organization, **fields)[1]

    return make


@pytest.fixture
def api_key(make_key: MakeKey) -> str:
    """A key with every scope that is not of admins."""
    return make_key()


@pytest.fixture
def client(server: Server, api_key: str) -> Iterator[httpx.Client]:
    """An HTTP client with a good key."""
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {api_key}"}, timeout=60) as client:
        yield client


@pytest.fixture
def anonymous(server: Server) -> Iterator[httpx.Client]:
    """An HTTP client without a key."""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.fixture
def sdk(server: Server, api_key: str) -> Iterator[openai.OpenAI]:
    """The official SDK, strict: an answer that is not of the specification's shape raises."""
    with openai.OpenAI(
        base_url=f"{server.url}/v1", api_key=api_key, max_retries=0, timeout=60, _strict_response_validation=True
    ) as client:
        yield client
