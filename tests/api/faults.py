"""What is wrong with a request, as the tests of the serializers compare it."""

from collections.abc import Callable
from typing import Any

import pytest

from api.exceptions import InvalidRequest


def fault(call: Callable[..., Any], *arguments: Any) -> tuple[str | None, str | None]:
    """Code and param of the error that the call raises."""
    with pytest.raises(InvalidRequest) as caught:
        call(*arguments)
    error = caught.value
    assert error.status_code == 400
    assert error.type == "invalid_request_error"
    assert len(error.message) < 600, "an error must not repeat what may be a whole prompt"
    return error.code, error.param
