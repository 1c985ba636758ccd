"""What an authenticated caller may do: the scope that a view asks for."""

from typing import TYPE_CHECKING, Protocol, cast

from django.http import HttpRequest
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.exceptions import KeyMissing, ScopeMissing
from accounts.principal import Principal
from accounts.scopes import SCOPES

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself imports this module, through the settings

__all__ = ["SCOPES", "HasScope", "Scoped", "principal_of"]


class Scoped(Protocol):
    """A view that says which scope it needs; None where any valid key will do."""

    required_scope: str | None


def principal_of(request: HttpRequest | Request) -> Principal | None:
    """Returns the caller that authentication put on `request`, or None where nothing has."""
    principal = getattr(request, "principal", None)
    return principal if isinstance(principal, Principal) else None


class HasScope(BasePermission):
    """Lets a caller pass who holds the view's `required_scope`. Reads no database, so that hot paths can use it.

    Raises KeyMissing (401) where nobody was authenticated and ScopeMissing (403) where the scope is lacking. A view
    without `required_scope` is a mistake of ours and fails loudly.
    """

    def has_permission(self, request: HttpRequest | Request, view: "APIView") -> bool:
        principal = principal_of(request)
        if principal is None:
            raise KeyMissing
        needed = cast(Scoped, view).required_scope
        if needed is not None and not principal.allows(needed):
            raise ScopeMissing((needed,))
        return True
