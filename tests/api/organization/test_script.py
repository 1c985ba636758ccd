"""The whole of it, with nothing but the official SDK."""

import openai
import pytest

from tests.api.organization.conftest import Sdk


def test_a_project_is_set_up_used_to_its_limit_and_archived(admin: openai.OpenAI, make_sdk: Sdk) -> None:
    organization = admin.admin.organization
    project = organization.projects.create(name="Assistants")
    account = organization.projects.service_accounts.create(project.id, name="robot")
    assert account.api_key is not None
    rows = organization.projects.rate_limits.list_rate_limits(project.id)
    echo = next(row for row in rows if row.model == "lukhas-echo-1")
    organization.projects.rate_limits.update_rate_limit(echo.id, project_id=project.id, max_requests_per_1_minute=3)
    organization.projects.spend_limit.update(project.id, threshold_amount=10_000, currency="USD", interval="month")
    organization.projects.model_permissions.update(project.id, mode="allow_list", model_ids=["lukhas-echo-1"])

    caller = make_sdk(api_key=account.api_key.value)
    assert [model.id for model in caller.models.list()] == ["lukhas-echo-1"]
    for _ in range(3):
        assert caller.embeddings.create(model="lukhas-echo-1", input="Hi", encoding_format="float").data
    with pytest.raises(openai.RateLimitError):
        caller.chat.completions.create(model="lukhas-echo-1", messages=[{"role": "user", "content": "Hi"}])

    events = [event.type for event in organization.audit_logs.list(project_ids=[project.id])]
    assert {"project.created", "service_account.created", "api_key.created"} <= set(events)
    organization.projects.archive(project.id)
    with pytest.raises(openai.AuthenticationError):
        caller.models.list()
    newest = next(iter(organization.audit_logs.list(project_ids=[project.id])))
    assert newest.type == "project.archived"
