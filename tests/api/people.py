"""Who calls: keys of an owner, a colleague and a stranger, and what each endpoint says to those it does not serve."""

from typing import Any

import httpx

from accounts.bootstrap import ensure_defaults
from accounts.models import ApiKey, Organization, ServiceAccount, User
from tests.conftest import MakeKey


def keys_of_people(make_key: MakeKey) -> dict[str, str]:
    """Good keys: of a user, of another account of the same project, and of another organisation altogether."""
    organization, project = ensure_defaults()
    user = User.objects.create_user("owner", "owner@example.com")
    organization.memberships.create(user=user, role="owner")
    stranger = Organization.objects.create(name="Stranger", slug="stranger")
    theirs = stranger.projects.create(name="Their project")
    account = ServiceAccount.objects.create(project=theirs, name="theirs")
    return {
        "owner": ApiKey.issue(name="owner", organization=organization, project=project, user=user)[1],
        "colleague": make_key("colleague"),
        "stranger": ApiKey.issue(name="other", organization=stranger, project=theirs, service_account=account)[1],
    }


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def check_who_is_served(
    anonymous: httpx.Client, make_key: MakeKey, scope: str, method: str, path: str, **rest: Any
) -> None:
    """Everybody with a good key that has the scope is, whoever owns it; nobody else."""
    for name, key in keys_of_people(make_key).items():
        answer = anonymous.request(method, path, headers=bearer(key), **rest)
        assert answer.status_code == 200, answer.text
        slug = "stranger" if name == "stranger" else ensure_defaults()[0].slug
        assert answer.headers["openai-organization"] == slug
    refused = anonymous.request(method, path, **rest)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, None)
    unknown = anonymous.request(method, path, headers=bearer("sk-lukhas-" + "x" * 43), **rest)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (401, "invalid_api_key")
    other = make_key("narrow", scopes=[one for one in ("model.read", "model.request") if one != scope])
    narrow = anonymous.request(method, path, headers=bearer(other), **rest)
    assert (narrow.status_code, narrow.json()["error"]["code"]) == (403, "insufficient_permissions")
    assert scope in narrow.json()["error"]["message"]
    revoked = make_key("gone")
    ApiKey.objects.get(name="gone").revoke()
    assert anonymous.request(method, path, headers=bearer(revoked), **rest).status_code == 401
