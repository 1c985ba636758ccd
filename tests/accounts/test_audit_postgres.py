"""The audit log on PostgreSQL, on a server of its own that lives as long as this module."""

import threading
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.audit import triggers
from accounts.audit.pruning import prune
from accounts.audit.recording import record
from accounts.audit.restoring import restore
from accounts.audit.verifying import verify
from accounts.authentication import look_up
from accounts.bootstrap import ensure_defaults
from accounts.memo import callers
from accounts.models import ApiKey, AuditCheckpoint, AuditEvent, AuditHead, Membership, ServiceAccount, User
from tests.accounts.test_audit_chain import CHAIN, FORBIDDEN, delete_and_fail, sql, tampering, write
from tests.conftest import empty_database


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=list(FORBIDDEN))
def test_postgresql_refuses(statement: str, postgres: None) -> None:
    write(2)
    AuditCheckpoint.objects.create(organization="org-other", count=1, hash="a" * 64, signature="b")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(statement)
    assert verify(CHAIN).problems == []


@pytest.mark.parametrize("table", triggers.TABLES)
def test_tables_are_not_truncated(table: str, postgres: None) -> None:
    write(2)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(f"TRUNCATE {table}")
    assert verify(CHAIN).checked == 2


def test_the_switch_is_for_deletion_only_and_ends_with_its_block_or_transaction(postgres: None) -> None:
    write(3)
    with transaction.atomic():
        with triggers.deletion_allowed():
            AuditEvent.objects.filter(sequence=1).delete()
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                sql(FORBIDDEN["an event changed"])
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            sql(FORBIDDEN["an event deleted"])
    with pytest.raises(RuntimeError, match="stopped"):
        delete_and_fail()
    assert AuditEvent.objects.count() == 2
    with pytest.raises(DatabaseError, match="append-only"):
        sql(FORBIDDEN["an event deleted"])


def test_many_threads_append_to_one_new_chain_without_gap_or_fork(postgres: None) -> None:
    threads, each = 8, 25
    start = threading.Barrier(threads)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            start.wait()
            for turn in range(each):
                with transaction.atomic():
                    target = f"{number}-{turn}"
                    record("test.written", target_type="t", target_id=target, organizations=[CHAIN, "org-b"])
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    for chain in (CHAIN, "org-b"):
        assert (verify(chain).checked, verify(chain).problems) == (threads * each, [])


def test_every_kind_of_value_keeps_its_hash(postgres: None) -> None:
    odd = {"é": "„ü“ \U0001f600", "n": 2**60, "f": 0.1, "big": 1e300, "": "\\u0000", "l": [1, None, {"z": 1, "a": []}]}
    record("test.written", target_type="t", target_id="1", before=odd, after=None, organizations=[CHAIN])
    assert verify(CHAIN).problems == []


def test_tampering_past_the_triggers_is_found(postgres: None) -> None:
    write(5)
    tampering(f"UPDATE accounts_auditevent SET after = '{{}}' WHERE organization = '{CHAIN}' AND sequence = 2")
    assert verify(CHAIN).problems == ["event 2: was changed after it was written"]
    tampering(f"DELETE FROM accounts_auditevent WHERE organization = '{CHAIN}' AND sequence > 3")
    assert any("the end is missing" in problem for problem in verify(CHAIN).problems)


def test_a_chain_is_pruned_and_the_rest_proved(postgres: None) -> None:
    write(3)
    assert prune(CHAIN, timezone.now() + timedelta(days=1)) == 3
    write(2)
    report = verify(CHAIN)
    assert (report.pruned, report.checked, report.problems) == (3, 3, [])
    with pytest.raises(DatabaseError, match="append-only"):
        sql(FORBIDDEN["an event deleted"])


def test_changes_are_written_down_restored_and_fall_with_their_owner(postgres: None) -> None:
    _, project = ensure_defaults()
    account = ServiceAccount.objects.create(project=project, name="robot")
    ServiceAccount.objects.update(name="android")
    restore(AuditEvent.objects.get(type="service_account.updated"))
    account.refresh_from_db()
    assert account.name == "robot"
    user = User.objects.create_user("ada", "ada@example.com")
    Membership.objects.create(user=user, organization=project.organization, role="admin")
    key, token = ApiKey.issue(name="k", organization=project.organization, project=project, user=user)
    found = look_up(token)
    assert found is not None
    assert found.principal.role == "admin"
    user.delete()
    assert look_up(token) is None
    gone = AuditEvent.objects.filter(type__in=["account.deleted", "user.deleted", "api_key.deleted"])
    assert {event.target_id for event in gone} >= {user.public_id, key.public_id}
    assert verify(project.organization.public_id).problems == []


def test_the_tests_empty_the_log_with_the_same_switch(postgres: None) -> None:
    write(2)
    empty_database()
    assert not any(model.objects.exists() for model in (AuditEvent, AuditHead, AuditCheckpoint))


def test_the_migration_can_be_taken_back_and_applied_again(postgres: None) -> None:
    project = ensure_defaults()[1]
    user = User.objects.create_user("ada", "ada@example.com")
    Membership.objects.create(user=user, organization=project.organization, role="owner")
    ApiKey.issue(name="k", organization=project.organization, project=project, user=user)
    write(1)
    call_command("migrate", "accounts", "0002", verbosity=0)
    call_command("migrate", verbosity=0)
    callers.forget()
    assert ApiKey.objects.get().owner_role() == "owner"
    assert not AuditEvent.objects.exists()
    write(1)
    with pytest.raises(DatabaseError, match="append-only"):
        sql(FORBIDDEN["an event deleted"])
