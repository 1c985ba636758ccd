"""DELETE /api/features/{key}."""

import pytest

from accounts.models import AuditEvent
from analytics.models import Experiment
from features.models import Environment, Flag
from features.needs import Needs
from tests.features.api.conftest import Asker, AsKey, error_of, everything
from tests.features.conftest import MakeFlag


def test_a_flag_is_deleted_with_its_states(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    make_flag("other")
    answer = admin.delete("/dark")
    assert answer.status_code == 200
    assert answer.json() == {"id": "dark", "object": "feature.deleted", "deleted": True}
    assert list(Flag.objects.values_list("key", flat=True)) == ["other"]
    error_of(admin.delete("/dark"), 404, "not_found")
    error_of(admin.post("/dark/evaluate", {"context": {}}), 404, "not_found")
    assert AuditEvent.objects.filter(type="flag.deleted", key_id__startswith="sess_").count() == 1


def test_what_another_flag_needs_is_archived_instead(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("base")
    make_flag("top", prerequisites=[{"flag": "base", "variants": ["on"]}])
    before = everything()
    message = error_of(admin.delete("/base"), 409, "feature_in_use")
    assert message.startswith("top needs it in production: there is no flag base. Archive it instead")
    assert everything() == before
    assert admin.patch("/base", {"archived": True}).status_code == 200


def test_what_another_app_needs_is_not_deleted(
    admin: Asker, make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = Needs()
    needs.tell(lambda flag: ["rolls out the alias smart"])
    monkeypatch.setattr("features.models.flags.needs", needs)
    make_flag("models")
    assert error_of(admin.delete("/models"), 409, "feature_in_use").startswith("models rolls out the alias smart. ")
    assert Flag.objects.exists()


def test_what_another_app_keeps_rows_of_is_not_deleted(admin: Asker, make_flag: MakeFlag) -> None:
    flag = make_flag("dark")
    Experiment.objects.create(
        name="Dark or light", flag=flag, environment=flag.states.get().environment, metric="latency", control="off"
    )
    before = everything()
    message = error_of(admin.delete("/dark"), 409, "feature_in_use")
    assert message.startswith("dark is told of by Dark or light. Archive it instead")
    assert everything() == before


def test_what_was_changed_meanwhile_is_not_deleted(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    tag = admin.get("/dark").headers["etag"]
    admin.patch("/dark", {"owner": "ann"})
    error_of(admin.delete("/dark", headers={"If-Match": tag}), 412, "precondition_failed")
    assert admin.delete("/dark", headers={"If-Match": admin.get("/dark").headers["etag"]}).status_code == 200


def test_keys_delete_nothing_that_answers_where_it_is_protected(
    key: AsKey, admin_key: AsKey, admin: Asker, make_flag: MakeFlag, protected: Environment
) -> None:
    make_flag("dark")
    before = everything()
    for ask in (key("flags.write"), admin_key()):
        error_of(ask.delete("/dark"), 403, "environment_protected")
    assert everything() == before
    assert admin.delete("/dark").status_code == 200


def test_a_parameter_is_refused(admin: Asker, make_flag: MakeFlag) -> None:
    make_flag("dark")
    error_of(admin.delete("/dark", params={"environment": "production"}), 400, "unknown_parameter", "environment")
    assert Flag.objects.exists()
