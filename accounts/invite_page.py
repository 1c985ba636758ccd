"""The page on which an invite is accepted: a link with the token behind its #, then one form, then another."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.debug import sensitive_post_parameters

from accounts import invitations
from lukhas_site.http.exchange import exchange_of


@method_decorator(sensitive_post_parameters("token", "password", "again"), name="dispatch")
class AcceptInviteView(View):
    """GET asks for the token, which a script takes from the link; POST with the token shows what is offered, and asks
    for a password; POST with both accepts."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        token = request.POST.get("token", "").strip()
        password = request.POST.get("password")
        try:
            invite = invitations.find(token)
            offered = {"invite": invite, "token": token, "known": invitations.invited_user(invite) is not None}
            if password is None:
                return self.page(request, **offered)
            if not offered["known"] and password != request.POST.get("again"):
                return self.page(request, 400, **offered, problems=["The two passwords are not the same."])
            user = invitations.accept(request, token, password)
        except invitations.Unusable as reason:
            return self.page(request, 400, unusable=str(reason))
        except ValidationError as error:
            return self.page(request, 400, **offered, problems=error.messages)
        return self.page(request, joined=user, invite=invite)

    def page(self, request: HttpRequest, status: int = 200, /, **shown: Any) -> HttpResponse:
        """The page holds the token, so it is neither compressed nor stored on its way."""
        exchange_of(request).secret = True
        answer = render(request, "accounts/invite.html", shown, status=status)
        answer["Cache-Control"] = "no-store"
        return answer
