"""Staff pages of what tells by a webhook: its secret is shown once, and exchanged."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.alerts.signing import secret_of
from accounts.staff import StaffPage
from accounts.staff_actions import staff_action
from lukhas_site.http.exchange import exchange_of


class WebhookPage(StaffPage):
    """A page of rows that are `accounts.models.telling.Alerting`."""

    actions = ("exchange_secret",)

    @admin.display(description="tells")
    def tells(self, alert: Any) -> str:
        return str(alert.told())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        cast(Any, request).new_webhook = bool(obj.webhook_url) and not form.initial.get("webhook_url")
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The secret of a webhook is shown once, when there is one for the first time."""
        if cast(Any, request).new_webhook:
            return self.secret(request, obj)
        return super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Likewise."""
        return self.secret(request, obj) if cast(Any, request).new_webhook else super().response_change(request, obj)

    def secret(self, request: HttpRequest, alert: Any) -> HttpResponse:
        exchange_of(request).secret = True
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Save this secret now",
            "alert": alert,
            "secret": secret_of(alert),
        }
        return TemplateResponse(request, "accounts/secret_once.html", context, headers={"Cache-Control": "no-store"})

    @staff_action("Exchange the webhook's secret", needs="change")
    def exchange_secret(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        if len(queryset) != 1 or not queryset[0].webhook_url:
            self.message_user(request, "Choose one that has a webhook. Nothing was changed.", messages.ERROR)
            return None
        if "post" not in request.POST:
            question = "Exchange the secret of this webhook? For a day, the former one goes on signing as well."
            return self.confirm(request, queryset, action="exchange_secret", question=question)
        alert = queryset[0]
        alert.exchange_secret()
        self.log_change(request, alert, "Exchanged the secret.")
        return self.secret(request, alert)
