"""How those who send events show who they are: with a key in the header, or, as a page's last word, in the body; or
with the token of a session.
"""

from django.http import HttpRequest

from accounts.authentication import ApiKeyAuthentication
from accounts.caller_authentication import end_exposed, exposed_token, person, presented_token
from accounts.exceptions import NotThere
from accounts.keys import PUBLISHABLE_PREFIX
from accounts.principal import Principal
from accounts.queries import Query
from accounts.roles import within
from accounts.scopes import DEFAULT_SCOPES
from accounts.sessions import tokens
from analytics.access import PROJECT, place_of
from analytics.envelopes import API_KEY, is_text, members_of
from analytics.exceptions import KeyNotPublishable
from lukhas_site.http.exchange import exchange_of
from lukhas_site.http.orm import in_database


class EventAuthentication(ApiKeyAuthentication):
    """`Authorization: Bearer KEY`, or, where there is no such header and the body is text/plain, its member `api_key`,
    which must be a publishable key: `navigator.sendBeacon` sends no headers of the page's choice. Or the token of a
    session, with a project in the URL. For async views only.

    Raises KeyNotPublishable (401) beside what `ApiKeyAuthentication` and reading the body raise; SessionExposed (401),
    and what `signed_in` raises.
    """

    async def authenticate_async(self, request: HttpRequest) -> Principal | None:
        shown = request.META.get("HTTP_AUTHORIZATION", "")
        if request.META.get("QUERY_STRING") and exposed_token(request):
            await in_database(end_exposed, request)
        # Keys go first: a look at the text is all that sessions cost them.
        if tokens.PREFIX in shown and (token := presented_token(request)):
            return await in_database(signed_in, request, token)
        if not shown and is_text(request):
            key = members_of(request).get(API_KEY)
            if isinstance(key, str) and key:
                if not key.startswith(PUBLISHABLE_PREFIX):
                    raise KeyNotPublishable
                request.META["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        return await super().authenticate_async(request)


def signed_in(request: HttpRequest, token: str) -> Principal:
    """Returns who signed in, as a caller of the project that the URL names, with the scopes of their role there.

    Raises SessionInvalid; ValidationError where no project is named; NotThere for one of others, and for one that was
    archived; and what `Caller.seat` raises.
    """
    caller, _ = person(request, token)
    project, role = place_of(caller, Query(request.GET).text(PROJECT))
    if project.archived_at is not None:
        raise NotThere("project", project.public_id)
    exchange = exchange_of(request)
    exchange.organization = project.organization.slug
    exchange.facts["project"] = project.public_id
    return Principal(
        key_id="",
        key_name="",
        organization_id=project.organization.public_id,
        organization=project.organization.slug,
        project_id=project.public_id,
        project=project.name,
        owner_kind="user",
        owner_id=caller.owner_id,
        scopes=within(DEFAULT_SCOPES, role),
        role=role,
        owner_name=caller.owner_name,
    )
