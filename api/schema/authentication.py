"""The security schemes: API keys of `accounts.authentication`, sessions of `accounts.caller_authentication`."""

from typing import Any, ClassVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class BearerScheme(OpenApiAuthenticationExtension):
    """A token in the Authorization header; `described` says which."""

    described: ClassVar[str]

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": self.described}


class ApiKeyScheme(BearerScheme):
    target_class = "accounts.authentication.ApiKeyAuthentication"
    name = "ApiKeyAuth"
    described = "An API key: `Authorization: Bearer sk-lukhas-…`. Made by `manage.py create_api_key NAME`."


class LoopbackScheme(BearerScheme):
    target_class = "accounts.loopback.LoopbackOrKey"
    name = "ApiKeyOrLoopback"
    described = "An API key; none is needed on the machine that the server runs on."


class SessionScheme(BearerScheme):
    target_class = "accounts.caller_authentication.SessionAuthentication"
    name = "SessionToken"
    described = "The token of a session: `Authorization: Bearer st-lukhas-…`. Made by `POST /api/sessions`."


class CredentialScheme(BearerScheme):
    target_class = "accounts.caller_authentication.CredentialAuthentication"
    name = "SessionTokenOrKey"
    described = "The token of a session, `st-lukhas-…`, or a secret API key."


class CallerScheme(BearerScheme):
    target_class = "accounts.caller_authentication.CallerAuthentication"
    name = "SessionTokenOrAdminKey"
    described = "The token of a session, `st-lukhas-…`, or an admin key, `sk-admin-lukhas-…`."


class EventScheme(BearerScheme):
    target_class = "analytics.authentication.EventAuthentication"
    name = "EventKey"
    described = (
        "An API key, secret or publishable, or the token of a session, `st-lukhas-…`. A text/plain body may hold a "
        "publishable key as `api_key` instead."
    )
