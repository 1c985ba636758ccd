"""The hash chains: appended to by many at once, append-only, proved, and shortened."""

import re
import sqlite3
import threading
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.audit import signing, triggers
from accounts.audit.chain import append, canonical, hash_of
from accounts.audit.pruning import prunable, prune
from accounts.audit.recording import record
from accounts.audit.verifying import chains, verify
from accounts.models import AuditCheckpoint, AuditEvent, AuditHead, Organization, ServiceAccount
from tests.conftest import empty_database

CHAIN = "org-chain"


def write(count: int, organization: str = CHAIN) -> list[AuditEvent]:
    fields = {"type": "test.written", "source": "code", "actor_kind": "system"}
    return [append(organization, **fields, target_id=str(number), after={"n": number}) for number in range(count)]


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def tampering(*statements: str) -> None:
    """Runs SQL as somebody would who owns the database: without the triggers."""
    with transaction.atomic():
        triggers.remove(connection)
        for statement in statements:
            sql(statement)
        triggers.install(connection)


def age(days: int, *sequences: int) -> None:
    """Makes events look as if they had been written that long ago, in a chain that is whole all the same."""
    at = timezone.now() - timedelta(days=days)
    with transaction.atomic():
        triggers.remove(connection)
        previous = "0" * 64
        for event in AuditEvent.objects.filter(organization=CHAIN).order_by("sequence"):
            if event.sequence in sequences:
                event.created_at = at
            event.previous_hash = previous
            event.hash = previous = hash_of(event)
            event.save()
        head = AuditHead.objects.get(organization=CHAIN)
        head.hash = previous
        head.signature = signing.signature("head", CHAIN, head.count, previous)
        head.save()
        triggers.install(connection)


# --- The chain -------------------------------------------------------------------------------------------------


def test_each_event_holds_the_hash_of_the_one_before(database: None) -> None:
    first, second, third = write(3)
    assert [event.sequence for event in (first, second, third)] == [1, 2, 3]
    assert first.previous_hash == "0" * 64
    assert (second.previous_hash, third.previous_hash) == (first.hash, second.hash)
    head = AuditHead.objects.get(organization=CHAIN)
    assert (head.count, head.hash) == (3, third.hash)
    assert str(head) == "org-chain: 3"
    assert verify(CHAIN).problems == []


def test_the_hash_covers_every_field_but_the_row_number_and_itself(database: None) -> None:
    event = write(1)[0]
    stored = AuditEvent.objects.get(pk=event.pk)
    assert hash_of(stored) == event.hash
    for field in AuditEvent._meta.get_fields():
        if field.name in ("id", "hash"):
            continue
        changed = AuditEvent.objects.get(pk=event.pk)
        old = getattr(changed, field.name)
        setattr(changed, field.name, old + timedelta(microseconds=1) if field.name == "created_at" else f"{old}x")
        assert hash_of(changed) != event.hash, field.name
    assert canonical(stored).isascii()


def test_organisations_have_chains_of_their_own(database: None) -> None:
    write(2, "org-a")
    write(1, "org-b")
    assert {"org-a", "org-b"} < set(chains())
    assert (verify("org-a").checked, verify("org-b").checked) == (2, 1)


def test_an_event_comes_true_with_its_transaction_and_leaves_no_gap(database: None) -> None:
    write(1)
    with transaction.atomic():
        write(5)
        transaction.set_rollback(True)
    write(1)
    report = verify(CHAIN)
    assert (report.checked, report.problems) == (2, [])


def test_many_threads_append_to_one_chain_without_gap_or_fork(database: None) -> None:
    threads, each = 8, 25
    start = threading.Barrier(threads)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            start.wait()
            for turn in range(each):
                with transaction.atomic():
                    record("test.written", target_type="t", target_id=f"{number}-{turn}", organizations=[CHAIN])
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
    report = verify(CHAIN)
    assert (report.checked, report.problems) == (threads * each, [])
    targets = set(AuditEvent.objects.filter(organization=CHAIN).values_list("target_id", flat=True))
    assert len(targets) == threads * each


# --- Append-only -----------------------------------------------------------------------------------------------

FORBIDDEN: dict[str, str] = {
    "an event changed": "UPDATE accounts_auditevent SET type = 'nothing'",
    "an event deleted": "DELETE FROM accounts_auditevent",
    "a head deleted": "DELETE FROM accounts_audithead",
    "a head counting backwards": "UPDATE accounts_audithead SET count = count - 1",
    "a checkpoint changed": "UPDATE accounts_auditcheckpoint SET count = 0",
    "a checkpoint deleted": "DELETE FROM accounts_auditcheckpoint",
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=list(FORBIDDEN))
def test_the_database_refuses(statement: str, database: None) -> None:
    write(2)
    AuditCheckpoint.objects.create(organization="org-other", count=1, hash="a" * 64, signature="b")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(statement)
    assert verify(CHAIN).problems == []


def test_events_are_not_deleted_through_the_orm_either(database: None) -> None:
    write(1)
    for delete in (AuditEvent.objects.all().delete, AuditEvent.objects.get(organization=CHAIN).delete):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            delete()


def test_the_switch_is_for_deletion_only_and_ends_with_its_block(database: None) -> None:
    write(3)
    with transaction.atomic():
        with triggers.deletion_allowed():
            AuditEvent.objects.filter(organization=CHAIN, sequence=1).delete()
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                sql(FORBIDDEN["an event changed"])
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            sql(FORBIDDEN["an event deleted"])
    with pytest.raises(DatabaseError, match="append-only"):
        sql(FORBIDDEN["an event deleted"])


def delete_and_fail() -> None:
    with transaction.atomic(), triggers.deletion_allowed():
        AuditEvent.objects.all().delete()
        raise RuntimeError("stopped")


def test_a_failure_within_the_switch_brings_the_guard_back(database: None) -> None:
    write(1)
    with pytest.raises(RuntimeError, match="stopped"):
        delete_and_fail()
    assert AuditEvent.objects.filter(organization=CHAIN).count() == 1
    with pytest.raises(DatabaseError, match="append-only"):
        sql(FORBIDDEN["an event deleted"])


def test_a_failure_that_is_passed_over_brings_the_guard_back_too(database: None) -> None:
    write(1)
    with transaction.atomic(), suppress(RuntimeError), triggers.deletion_allowed():
        AuditEvent.objects.all().delete()
        raise RuntimeError("stopped")
    assert AuditEvent.objects.filter(organization=CHAIN).count() == 1
    with pytest.raises(DatabaseError, match="append-only"):
        sql(FORBIDDEN["an event deleted"])


def test_the_switch_needs_a_transaction(database: None) -> None:
    with pytest.raises(RuntimeError, match="within a transaction only"), triggers.deletion_allowed():
        raise AssertionError("reached")


def test_while_the_log_is_open_nobody_else_writes(database: None) -> None:
    write(1)
    with transaction.atomic(), triggers.deletion_allowed():
        other = sqlite3.connect(connection.settings_dict["NAME"], timeout=0.05)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("DELETE FROM accounts_auditevent")
        other.close()


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="no triggers for oracle"):
        triggers.install(SimpleNamespace(vendor="oracle"))


# --- Proof -----------------------------------------------------------------------------------------------------

HASH_OF_THE_THIRD = f"SELECT hash FROM accounts_auditevent WHERE organization = '{CHAIN}' AND sequence = 3"
FORGED_EVENT = f"""
    INSERT INTO accounts_auditevent
    SELECT 99999, 'audit_log-forged', organization, 6, created_at, type, source, actor_kind, actor_id, actor_name,
        key_id, address, user_agent, request_id, target_type, target_id, target_name, project_id, project_name, before,
        after, hash, hash
    FROM accounts_auditevent WHERE organization = '{CHAIN}' AND sequence = 5
"""
FORGED_CHECKPOINT = f"""
    INSERT INTO accounts_auditcheckpoint (organization, count, hash, signature, created_at)
    SELECT organization, sequence, hash, hash, created_at
    FROM accounts_auditevent WHERE organization = '{CHAIN}' AND sequence = 3
"""

TAMPERING: dict[str, tuple[list[str], str]] = {
    "an event changed": (
        [f"UPDATE accounts_auditevent SET actor_name = 'somebody' WHERE organization = '{CHAIN}' AND sequence = 2"],
        "event 2: was changed",
    ),
    "what was before changed": (
        [f"UPDATE accounts_auditevent SET after = '{{}}' WHERE organization = '{CHAIN}' AND sequence = 2"],
        "event 2: was changed",
    ),
    "an event and its hash changed": (
        [f"UPDATE accounts_auditevent SET hash = previous_hash WHERE organization = '{CHAIN}' AND sequence = 2"],
        "event 3: does not follow",
    ),
    "an event removed": (
        [f"DELETE FROM accounts_auditevent WHERE organization = '{CHAIN}' AND sequence = 3"],
        "between 2 and 4",
    ),
    "the start removed": (
        [f"DELETE FROM accounts_auditevent WHERE organization = '{CHAIN}' AND sequence < 3"],
        "between 0 and 3",
    ),
    "the tail removed": (
        [f"DELETE FROM accounts_auditevent WHERE organization = '{CHAIN}' AND sequence > 3"],
        "the end is missing: 5 events were written, the last there is 3",
    ),
    "the tail removed and the head set back": (
        [
            f"DELETE FROM accounts_auditevent WHERE organization = '{CHAIN}' AND sequence > 3",
            f"UPDATE accounts_audithead SET count = 3, hash = ({HASH_OF_THE_THIRD}) WHERE organization = '{CHAIN}'",
        ],
        "the head is not signed",
    ),
    "everything removed": ([f"DELETE FROM accounts_auditevent WHERE organization = '{CHAIN}'"], "the end is missing"),
    "the head removed": ([f"DELETE FROM accounts_audithead WHERE organization = '{CHAIN}'"], "after the end"),
    "the head's hash changed": (
        [f"UPDATE accounts_audithead SET hash = '{'a' * 64}' WHERE organization = '{CHAIN}'"],
        "not the one that the head names",
    ),
    "an event put in at the end": (
        [
            FORGED_EVENT,
        ],
        "after the end of the chain, up to 6",
    ),
    "a pruning forged": (
        [
            FORGED_CHECKPOINT,
            f"DELETE FROM accounts_auditevent WHERE organization = '{CHAIN}' AND sequence <= 3",
        ],
        "the checkpoint at 3 is not signed",
    ),
}


@pytest.mark.parametrize(("statements", "problem"), TAMPERING.values(), ids=list(TAMPERING))
def test_tampering_past_the_triggers_is_found(statements: list[str], problem: str, database: None) -> None:
    write(5)
    write(2, "org-untouched")
    tampering(*statements)
    assert any(problem in found for found in verify(CHAIN).problems)
    assert verify("org-untouched").problems == []
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError, match="not what was written: 1 broken"):
        call_command("verify_audit", stdout=out, stderr=err)
    assert f"{CHAIN}: " in out.getvalue()
    assert "BROKEN" in out.getvalue()
    assert problem in err.getvalue()


def test_a_whole_log_is_proved_by_command(organization: Organization) -> None:
    write(1, "")
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert re.search("^server: [1-9][0-9]* events: whole$", out.getvalue(), re.MULTILINE)
    assert f"{organization.public_id}: 2 events: whole" in out.getvalue()
    for name in (organization.public_id, organization.slug):
        out = StringIO()
        call_command("verify_audit", "--organization", name, stdout=out)
        assert out.getvalue() == f"{organization.public_id}: 2 events: whole\n"
    with pytest.raises(CommandError, match="no organisation 'nowhere'"):
        call_command("verify_audit", "--organization", "nowhere")


def test_a_head_signed_with_an_older_secret_key_is_accepted_while_that_is_a_fallback(
    database: None, settings: Any
) -> None:
    write(1)
    old = settings.SECRET_KEY
    settings.SECRET_KEY = "new"
    assert verify(CHAIN).problems == ["the head is not signed with the SECRET_KEY of this server"]
    settings.SECRET_KEY_FALLBACKS = [old]
    assert verify(CHAIN).problems == []


def test_a_signature_of_a_head_is_none_of_a_checkpoint() -> None:
    signature = signing.signature("head", CHAIN, 1, "a")
    assert signing.is_signed(signature, "head", CHAIN, 1, "a")
    assert not signing.is_signed(signature, "checkpoint", CHAIN, 1, "a")
    assert not signing.is_signed(signature, "head", "org-x", 1, "a")
    assert not signing.is_signed(signature, "head", CHAIN, 2, "a")
    assert not signing.is_signed(signature, "head", CHAIN, 1, "b")


# --- Pruning ---------------------------------------------------------------------------------------------------


def test_old_events_go_and_the_rest_can_still_be_proved(database: None) -> None:
    write(6)
    age(100, 1, 2, 3)
    before = timezone.now() - timedelta(days=90)
    assert prunable(CHAIN, before)[0] == 3
    assert prune(CHAIN, before) == 3
    report = verify(CHAIN)
    assert (report.pruned, report.checked, report.problems) == (3, 4, [])
    point = AuditCheckpoint.objects.get()
    assert str(point) == "org-chain: 3 pruned"
    event = AuditEvent.objects.get(type="audit.pruned")
    assert (event.sequence, event.organization, event.target_id, event.after["events"]) == (7, CHAIN, "3", 3)
    assert prune(CHAIN, before) == 0
    assert AuditCheckpoint.objects.count() == 1


def test_a_chain_is_pruned_again_and_as_a_whole(database: None) -> None:
    write(4)
    age(100, 1, 2)
    prune(CHAIN, timezone.now() - timedelta(days=90))
    assert prune(CHAIN, timezone.now() + timedelta(days=1)) == 3
    report = verify(CHAIN)
    assert (report.pruned, report.checked, report.problems) == (5, 1, [])
    write(2)
    assert verify(CHAIN).problems == []


def test_only_the_start_of_a_chain_goes_even_if_a_clock_was_wrong(database: None) -> None:
    write(4)
    age(100, 1, 3)
    assert prune(CHAIN, timezone.now() - timedelta(days=90)) == 1
    assert verify(CHAIN).problems == []


def test_tampering_after_a_pruning_is_found(database: None) -> None:
    write(6)
    age(100, 1, 2, 3)
    prune(CHAIN, timezone.now() - timedelta(days=90))
    tampering(f"DELETE FROM accounts_auditevent WHERE organization = '{CHAIN}' AND sequence = 4")
    assert "between 3 and 5: events are missing or out of place" in verify(CHAIN).problems


def prune_by_command(*arguments: str) -> str:
    out = StringIO()
    call_command("prune_audit", "--before", "90d", *arguments, stdout=out)
    return out.getvalue()


def test_a_dry_run_tells_and_deletes_nothing(organization: Organization) -> None:
    write(3)
    age(100, 1, 2)
    before = AuditEvent.objects.count()
    assert f"{CHAIN}: 2 events would be deleted." in prune_by_command("--dry-run")
    assert AuditEvent.objects.count() == before
    output = prune_by_command()
    assert f"{CHAIN}: 2 events deleted." in output
    assert f"{organization.public_id}: 0 events deleted." in output
    assert AuditEvent.objects.get(type="audit.pruned").actor_name == "manage.py prune_audit"
    assert prune_by_command("--organization", organization.slug) == f"{organization.public_id}: 0 events deleted.\n"


def test_a_broken_chain_is_not_pruned_and_the_others_are(database: None) -> None:
    write(3, "org-broken")
    write(3)
    age(100, 1)
    tampering("UPDATE accounts_auditevent SET type = 'x' WHERE organization = 'org-broken' AND sequence = 2")
    with pytest.raises(CommandError, match="Not pruned, because not whole: org-broken"):
        prune_by_command()
    assert AuditEvent.objects.filter(organization="org-broken").count() == 3
    assert AuditEvent.objects.filter(organization=CHAIN, sequence=1).count() == 0


def test_a_pruning_that_fails_leaves_everything_as_it_was(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    write(3)
    age(100, 1, 2)

    def fail(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr("accounts.audit.pruning.record", fail)
    with pytest.raises(DatabaseError, match="disk full"):
        prune(CHAIN, timezone.now() - timedelta(days=90))
    assert verify(CHAIN).checked == 3
    assert not AuditCheckpoint.objects.exists()
    with pytest.raises(DatabaseError, match="append-only"):
        sql(FORBIDDEN["an event deleted"])


def test_the_servers_own_rows_name_themselves() -> None:
    assert str(AuditHead(count=2)) == "server: 2"
    assert str(AuditCheckpoint(count=2)) == "server: 2 pruned"


def test_emptying_the_database_for_the_next_test_goes_on_working(account: ServiceAccount) -> None:
    assert AuditEvent.objects.exists()
    empty_database()
    assert not any(model.objects.exists() for model in (AuditEvent, AuditHead, AuditCheckpoint))
    write(1)
    with pytest.raises(DatabaseError, match="append-only"):
        sql(FORBIDDEN["an event deleted"])
