"""What tests share: the server, an empty database with what a first start makes, keys, and the official SDK."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from django.apps import apps
from django.core.cache import cache, caches
from django.core.management.color import no_style
from django.db import connection, transaction
from django.test.utils import setup_databases, teardown_databases

from accounts.memo import callers
from tests.serving import Server

OWN_APPS = ("accounts", "features", "analytics", "api", "admin", "auth", "sessions")
KEPT = ("auth_permission",)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """The test database, also for tests that use it through `database` and never through pytest-django's marks."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default"})
        yield
        if connection.vendor == "postgresql":  # threads that served may still hold a connection, and it is not dropped
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        teardown_databases(made, verbosity=0)


def empty_database() -> None:
    """Deletes every row of every table of ours, and what this process remembers of them."""
    from accounts.audit.triggers import deletion_allowed
    from accounts.limits import gate
    from api import catalog

    gate.forget()
    known = (model._meta for model in apps.get_models(include_auto_created=True))
    tables = [meta.db_table for meta in known if meta.app_label in OWN_APPS and meta.db_table not in KEPT]
    with transaction.atomic(), deletion_allowed(), connection.cursor() as cursor:
        for statement in connection.ops.sql_flush(no_style(), tables):
            cursor.execute(statement)
    catalog.forget()
    callers.forget()
    cache.clear()
    caches["guards"].clear()


@pytest.fixture
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A database as a first start leaves it, that every thread sees; emptied afterwards."""
    from accounts.bootstrap import ensure_defaults
    from api.bootstrap import ensure_catalog

    with django_db_blocker.unblock():
        with transaction.atomic():
            ensure_defaults()
            ensure_catalog()
        yield
        empty_database()


@pytest.fixture(scope="session")
def served(django_db_setup: None) -> Iterator[Server]:
    """The application of production, on real sockets, once for the whole run."""
    from lukhas_site.asgi import application

    with Server(application) as server:
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
