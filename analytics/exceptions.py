"""What analytics refuses; rendered by the EXCEPTION_HANDLER."""

from rest_framework.exceptions import APIException

from accounts.exceptions import Refused


class JournalUnavailable(APIException):
    """503: what the request would use cannot be written down, and what is not written down is not answered."""

    status_code = 503
    type = "service_unavailable_error"
    code = "server_is_overloaded"
    param: str | None = None

    def __init__(self) -> None:
        self.message = "The use of your request cannot be recorded at the moment. Please try again."
        self.headers = {"retry-after": "1"}
        super().__init__(self.message)


class EventsOverloaded(APIException):
    """503: more events wait to be stored than this process holds."""

    status_code = 503
    type = "service_unavailable_error"
    code = "server_is_overloaded"
    param: str | None = None

    def __init__(self) -> None:
        self.message = "Too many events wait to be stored. Please try again."
        self.headers = {"retry-after": "1"}
        super().__init__(self.message)


class KeyNotPublishable(Refused):
    """401: a body of text holds a key that is not for everybody to see."""

    code = "invalid_api_key"

    def __init__(self) -> None:
        super().__init__(
            "Only a publishable API key (pk-lukhas-…) may be sent in the body. Send a secret one in an Authorization "
            "header, and from a server."
        )
