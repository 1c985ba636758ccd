"""Sparse validation: DRF serializers that cost what the request holds, not what the specification allows.

A DRF serializer visits every declared field, and constructing one deep-copies them all: with some forty parameters
that is more work than everything else a request needs. A `SparseSerializer` is made once a module and only its
`run_validation(data)` is called, so it must keep no state of a request.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from rest_framework import serializers
from rest_framework.settings import api_settings


class SparseSerializer(serializers.Serializer[Any]):
    """Visits the fields that are present, required or have a default; raises the same `ValidationError` as DRF.

    Unknown keys are left out of the result, as in DRF. Fields are written to the result under their name; `source`
    is not supported.
    """

    @cached_property
    def _writable(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {name: field for name, field in self.fields.items() if not field.read_only}

    @cached_property
    def _insisting(self) -> tuple[str, ...]:
        """The fields to visit even when absent."""
        return tuple(
            name for name, field in self._writable.items() if field.required or field.default is not serializers.empty
        )

    def _read_only_defaults(self) -> dict[str, Any]:
        """None: DRF would look through all declared fields for them."""
        return {}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            message = self.error_messages["invalid"].format(datatype=type(data).__name__)
            raise serializers.ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [message]}, code="invalid")
        result: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        fields = self._writable
        for name in self._insisting:
            if name not in data:
                self._visit(name, fields[name], serializers.empty, result, errors)
        for name, value in data.items():
            field = fields.get(name)
            if field is not None:
                self._visit(name, field, value, result, errors)
        if errors:
            raise serializers.ValidationError(errors)
        return result

    def _visit(
        self,
        name: str,
        field: serializers.Field[Any, Any, Any, Any],
        value: Any,
        result: dict[str, Any],
        errors: dict[str, Any],
    ) -> None:
        try:
            result[name] = field.run_validation(value)
        except serializers.ValidationError as error:
            errors[name] = error.detail
