"""Limits on PostgreSQL: what was spent adds up whoever writes it, and changes are written down."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection

from accounts.audit.restoring import restore
from accounts.bootstrap import ensure_defaults
from accounts.limits import ruleset, spending
from accounts.limits.buckets import LocalStore
from accounts.limits.rules import Account
from accounts.models import ApiKey, AuditEvent, Budget, RateLimit, ServiceAccount, Spend
from accounts.rotation import rotate


def test_what_was_spent_is_added_to_what_is_there(postgres: None) -> None:
    store = LocalStore()
    day, month = store.calendar.today()
    accounts: list[Account] = [("project:p", "day", day), ("project:p", "month", month), ("key:k", "day", day)]
    for cost in (5, 2**40):
        store.return_pending(dict.fromkeys(accounts, cost))
        assert spending.flush(store)
    assert spending.read([("day", day), ("month", month)]) == dict.fromkeys(accounts, 5 + 2**40)
    assert spending.read([("day", day)], ["key:k"]) == {accounts[2]: 5 + 2**40}
    spending.load(store)
    assert store.spending("project:p", "month") == 5 + 2**40


def test_processes_that_write_the_same_accounts_at_once_lose_nothing_and_wait_for_nobody_for_ever(
    postgres: None,
) -> None:
    writers, rounds = 8, 25
    together = threading.Barrier(writers)
    failures: list[BaseException] = []
    accounts: list[Account] = [(f"project:{at}", "day", "2026-01-31") for at in range(6)]

    def write(number: int) -> None:
        try:
            together.wait()
            for turn in range(rounds):
                # In another order each time, as it happens to be in a dict.
                turned = accounts[(number + turn) % 6 :] + accounts[: (number + turn) % 6]
                spending.add(dict.fromkeys(turned, 3))
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(Spend.objects.values_list("scope", "micro")) == [
        (account[0], writers * rounds * 3) for account in accounts
    ]


def test_limits_are_read_changed_written_down_and_restored(postgres: None) -> None:
    organization, project = ensure_defaults()
    robot = ServiceAccount.objects.create(project=project, name="robot", role="member")
    key, _ = ApiKey.issue(name="k", organization=organization, project=project, service_account=robot)
    for scope in (organization, project, key):
        RateLimit.objects.put(scope, {"value": 5}, unit="requests", period="minute", model="")
        Budget.objects.put(scope, {"amount": Decimal("0.000001")}, period="month")
    RateLimit.objects.update(value=6)
    rules = ruleset.read()
    assert len(rules.rates) == len(rules.budgets) == 3
    assert {rule.limit for held in rules.rates.values() for rule in held} == {6}
    assert {rule.limit for held in rules.budgets.values() for rule in held} == {1}
    changed = AuditEvent.objects.filter(type="rate_limit.updated").exclude(before=None)
    assert {(event.before["value"], event.after["value"]) for event in changed} == {(5, 6)}
    for event in changed:
        restore(event)
    assert set(RateLimit.objects.values_list("value", flat=True)) == {5}
    Budget.objects.all().delete()
    for event in AuditEvent.objects.filter(type="budget.deleted"):
        restore(event)
    assert set(Budget.objects.values_list("amount", flat=True)) == {Decimal("0.000001")}


def at_once(work: Callable[[int], str], sides: int = 8) -> list[str]:
    """What `work` returns in each of many threads that begin together. Raises what it raises."""
    together = threading.Barrier(sides)

    def run(number: int) -> str:
        try:
            together.wait()
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(sides) as pool:
        return list(pool.map(run, range(sides)))


def test_setting_one_limit_at_once_from_many_sides_makes_one_row_and_fails_nobody(postgres: None) -> None:
    def put(number: int) -> str:
        for command in (("set_limit", "requests/minute"), ("set_budget", "day")):
            call_command(*command, str(number + 1), verbosity=0)
        return ""

    ensure_defaults()
    at_once(put)
    assert RateLimit.objects.get().value in range(1, 9)
    assert Budget.objects.get().amount in range(1, 9)
    assert AuditEvent.objects.filter(target_type="accounts.ratelimit", before__isnull=True).count() == 1


def test_a_key_that_is_rotated_from_many_sides_at_once_has_one_successor_with_its_limits(postgres: None) -> None:
    def turn(number: int) -> str:
        try:
            rotate(key)
        except ValidationError as error:
            return str(error.code)
        return "rotated"

    organization, project = ensure_defaults()
    robot = ServiceAccount.objects.create(project=project, name="robot", role="member")
    key, _ = ApiKey.issue(name="k", organization=organization, project=project, service_account=robot)
    RateLimit.objects.put(key, {"value": 5}, unit="requests", period="minute", model="")
    assert sorted(at_once(turn)) == ["replaced"] * 7 + ["rotated"]
    assert ApiKey.objects.count() == 2
    key.refresh_from_db()
    assert RateLimit.objects.get().api_key == key.replaced_by
