"""What the edge renders errors with: each of the two wires has its own form."""

from api import errors as openai
from features.ofrep import errors as ofrep
from lukhas_site.http.exchange import Exchange


def problem(exc: Exception, exchange: Exchange) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an exception, in the protocol of the path; see `lukhas_site.http.edge`."""
    if exchange.path.startswith("/ofrep/"):
        return ofrep.problem(exc, exchange)
    return openai.problem(exc, exchange)
