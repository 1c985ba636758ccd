"""Who may ask how the server does: whoever is on its machine, and keys with the scope for it."""

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import ApiKeyAuthentication
from accounts.permissions import HasScope
from accounts.principal import Principal
from lukhas_site.http.addresses import is_loopback


class LoopbackOrKey(ApiKeyAuthentication):
    """Nobody needs to say who they are on the machine itself; all others need a key."""

    async def authenticate_async(self, request: HttpRequest) -> Principal | None:
        return None if from_here(request) else await super().authenticate_async(request)


class LoopbackOrScoped(HasScope):
    """Lets whoever is on the machine itself pass, and others as `HasScope` does."""

    def has_permission(self, request: HttpRequest | Request, view: APIView) -> bool:
        return from_here(request) or super().has_permission(request, view)


def from_here(request: HttpRequest | Request) -> bool:
    """Whether the request comes from this machine, through no proxy."""
    scope = getattr(request, "scope", None)
    return scope is not None and is_loopback(scope)
