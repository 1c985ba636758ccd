"""JSON bodies of the endpoints under /api: every field is checked, and one that nobody knows is refused by name.

What is wrong is told by Django REST Framework's ValidationError; `api.errors` renders it.
"""

from typing import Any

from rest_framework import serializers

from lukhas_site.http.serializers import SparseSerializer

MAX_USERNAME = 150
MAX_PASSWORD = 1_024
"""Far more than anybody types: what is longer is not worth hashing."""
MESSAGES: dict[str, Any] = {
    "invalid": "It must be a string.",
    "blank": "It may not be empty.",
    "max_length": "It may have at most {most} characters.",
    "null_character": "The character U+0000 cannot be part of it.",
}


class Words(serializers.Field[str, Any, str, Any]):
    """A string that is not empty, as it was sent: of a password every space counts."""

    default_error_messages = MESSAGES

    def __init__(self, most: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.most = most

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if not data:
            self.fail("blank")
        if len(data) > self.most:
            self.fail("max_length", most=self.most)
        if "\0" in data:
            self.fail("null_character")
        return data


class Body(SparseSerializer):
    """A JSON object of the fields declared, and no others."""

    def parse(self, body: dict[str, Any]) -> dict[str, Any]:
        """Returns the values. Raises ValidationError for what is wrong with them."""
        for name in body:
            if name not in self.fields:
                raise serializers.ValidationError({name[:64]: ["Nobody knows it."]}, code="unknown_parameter")
        values: dict[str, Any] = self.run_validation(body)
        return values


class SignIn(Body):
    """Who signs in."""

    username = Words(MAX_USERNAME)
    password = Words(MAX_PASSWORD)


class PasswordChange(Body):
    """The password in force, and the one that takes its place."""

    old_password = Words(MAX_PASSWORD)
    new_password = Words(MAX_PASSWORD)


sign_in = SignIn()
password_change = PasswordChange()
