"""What a request reserves of the limits before a model is asked."""

from accounts.limits import gate
from accounts.limits.gate import Reservation
from accounts.principal import Principal
from api.catalog import Target
from api.estimates import estimate, most_cost
from api.requests import Request


async def reserve(request: Request, caller: Principal, target: Target) -> tuple[Reservation, int, int]:
    """What is reserved, and the tokens that are expected of the prompt and of the answer. Raises as `gate.reserve`."""
    prompt, answer = estimate(request, target)
    reservation = await gate.reserve(
        caller,
        asked=request.model,
        answers=target.model,
        tokens=prompt + answer,
        cost_micro=target.cost(prompt, answer),
        most_micro=most_cost(request, target, prompt, answer),
    )
    return reservation, prompt, answer
