"""Changes of the catalog are written in the server's chain of the audit log."""

from io import StringIO

import pytest
from django.core.management import call_command

from accounts.audit.restoring import restore
from accounts.audit.verifying import verify
from accounts.models import AuditEvent
from api.models import Alias, Deployment, Fallback, Model, Upstream


def types() -> list[str]:
    return list(AuditEvent.objects.filter(organization="").order_by("sequence").values_list("type", flat=True))


def test_commands_are_written_down_as_the_ones_who_changed_the_catalog(database: None) -> None:
    begun = len(types())
    url = "http://localhost:9/v1"
    for command in (
        ["add_upstream", "gpu", url],
        ["add_model", "org/big", "--upstream", "gpu"],
        ["alias_model", "fast", "org/big"],
        ["add_model", "org/big", "--upstream", "gpu", "--input-price", "0.5"],
        ["add_model", "org/big", "--upstream", "gpu", "--input-price", "0.5"],
    ):
        call_command(*command, stdout=StringIO(), stderr=StringIO())
    assert types()[begun:] == ["upstream.created", "model.created", "model_alias.created", "model.updated"]
    event = AuditEvent.objects.order_by("pk").last()
    assert event is not None
    assert (event.source, event.actor_name, event.changed()) == ("command", "manage.py add_model", ["input_price"])
    assert event.after["input_price"] == "0.500000"
    assert verify("").problems == []


@pytest.mark.parametrize("enabled", [True, False])
def test_switching_many_models_writes_down_those_that_changed(database: None, enabled: bool) -> None:
    Model.objects.filter(model_id="lukhas-echo-1").update(enabled=False)
    begun = len(types())
    Model.objects.update(enabled=enabled)
    assert types()[begun:] == ["model.updated"] * (1 if enabled else Model.objects.count() - 1)


def test_a_change_is_undone_and_what_was_deleted_is_made_again(database: None) -> None:
    model = Model.objects.get(model_id="lukhas-echo-1")
    Alias.objects.create(name="fast", target=model)
    Model.objects.filter(pk=model.pk).update(upstream=Upstream.objects.exclude(pk=model.upstream_id).earliest("pk"))
    restore(AuditEvent.objects.get(type="model.updated"))
    model.refresh_from_db()
    assert model.upstream.name == "echo"
    Alias.objects.all().delete()
    restore(AuditEvent.objects.get(type="model_alias.deleted"))
    assert Alias.objects.get().target == model


def test_deployments_fallbacks_and_limits_are_written_down_and_made_again(database: None) -> None:
    model, echo = Model.objects.get(model_id="lukhas-echo-1"), Upstream.objects.get(name="echo")
    begun = len(types())
    other = Model.objects.create(model_id="other", upstream=echo, vector_space="echo")
    Deployment.objects.create(model=model, upstream=echo, upstream_model="again", weight=4)
    Fallback.objects.create(model=model, target=other)
    Upstream.objects.filter(pk=echo.pk).update(whole_seconds=0.5)
    for rows in (Deployment.objects.all(), Fallback.objects.all()):
        rows.delete()
    assert types()[begun:] == [
        "model.created",
        "model_deployment.created",
        "model_fallback.created",
        "upstream.updated",
        "model_deployment.deleted",
        "model_fallback.deleted",
    ]
    for deleted in ("model_deployment.deleted", "model_fallback.deleted"):
        restore(AuditEvent.objects.get(type=deleted))
    row = Deployment.objects.get()
    assert (row.model, row.upstream, row.upstream_model, row.weight) == (model, echo, "again", 4)
    assert Fallback.objects.get().target == other
    assert verify("").problems == []
