"""The security schemes of `features.ofrep.authentication`."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class OfrepScheme(OpenApiAuthenticationExtension):
    """A header of its own, or the one of the rest of the API."""

    target_class = "features.ofrep.authentication.OfrepAuthentication"
    name = "ApiKeyHeader"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key; for OFREP only."}

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        return [{"ApiKeyAuth": []}, {self.name: []}]


class TicketScheme(OpenApiAuthenticationExtension):
    """What stands in the URL of an event stream."""

    target_class = "features.ofrep.authentication.TicketAuthentication"
    name = "StreamToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "query", "name": "token", "description": "Part of the URL of an event stream."}
