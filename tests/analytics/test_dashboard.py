"""The page "Usage": whose usage it shows, of which time, broken down, compared, and at which cost."""

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.bootstrap import ensure_defaults
from accounts.models import ApiKey, Membership, Organization, Project, ServiceAccount, User
from accounts.reach import Reach
from analytics.dashboard.asking import ask
from analytics.draining import store
from analytics.models import UsageRecord
from analytics.records import EPOCH, Record
from features.bootstrap import ensure_environment
from features.models import Flag, FlagState
from tests.analytics.month import FLAG, SLOWER, month, sources
from tests.analytics.recorded import record
from tests.conftest import empty_database

pytestmark = pytest.mark.usefixtures("database")
PAGE = "/admin/usage/"
NOW = datetime.now(UTC)
NUMBERS = iter(range(1, 10**9))
OTHER = "zebra"


@pytest.fixture
def home() -> Organization:
    return ensure_defaults()[0]


@pytest.fixture
def staff(home: Organization) -> Client:
    return browser("member", home)


def browser(role: str, organization: Organization) -> Client:
    user = User.objects.create_user(f"{role}-{organization.slug}", f"{role}@example.com", is_staff=True)
    Membership.objects.create(user=user, organization=organization, role=role)
    client = Client()
    client.force_login(user)
    return client


def asked(organization: Organization, *, ago: timedelta = timedelta(minutes=5), **fields: Any) -> Record:
    """A request of this organisation, a while ago."""
    at = (NOW - ago - EPOCH) // timedelta(microseconds=1)
    return record(next(NUMBERS), organization_id=organization.public_id, at=at, **fields)


def text(answer: Any) -> str:
    """What people read, without markup."""
    assert answer.status_code == 200
    return " ".join(unescape(re.sub("<[^>]+>", " ", answer.content.decode())).split())


def chart(answer: Any, key: str) -> dict[str, float]:
    """The sum of each series of a chart."""
    found = next(each for each in answer.context["overview"].charts if each.key == key)
    return {one.name: sum(value or 0 for value in one.values) for one in found.series}


def tiles(answer: Any) -> dict[str, str]:
    return {tile.title: tile.value for tile in answer.context["overview"].tiles}


# --- Whose usage -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 200), ("admin", 200), ("member", 200), ("viewer", 403), ("", 302)]
)
def test_whoever_may_read_the_usage_of_an_organisation_sees_it(home: Organization, role: str, status: int) -> None:
    client = browser(role, home) if role else Client()
    assert client.get(PAGE).status_code == status


def test_nothing_of_another_organisation_is_shown(staff: Client, home: Organization) -> None:
    other = Organization.objects.create(slug=OTHER, name=OTHER)
    project = Project.objects.create(organization=other, name=f"{OTHER} project")
    store([asked(home), asked(other, project_id=project.public_id, model=OTHER, flag=OTHER, variant=OTHER)])
    for by in ("project", "key", "model", "variant"):
        answer = staff.get(PAGE, {"by": by})
        assert chart(answer, "requests")["answered"] == 1
        assert OTHER not in text(answer)
    answer = staff.get(PAGE, {"organization": other.public_id, "project": project.public_id, "flag": "x"})
    assert OTHER not in text(answer)
    assert "There is no such organisation, or you may not see its data." in text(answer)
    assert f"{home.name} has no such project. All of its projects are shown." in text(answer)
    assert chart(answer, "requests")["answered"] == 1


def test_a_superuser_chooses_the_organisation(home: Organization) -> None:
    other = Organization.objects.create(slug=OTHER, name="A zebra")
    store([asked(home), asked(other), asked(other)])
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.com"))
    for organization, number in ((home, 1), (other, 2)):
        answer = client.get(PAGE, {"organization": organization.public_id})
        assert chart(answer, "requests")["answered"] == number
        assert f'<option value="{organization.public_id}" selected>' in answer.content.decode()
    assert client.get(PAGE).context["asked"].organization.name == "A zebra"  # the first by name


def test_without_any_organisation_it_says_how_to_make_one() -> None:
    empty_database()
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.com"))
    assert "manage.py create_api_key" in text(client.get(PAGE))


def test_it_is_only_looked_at(staff: Client) -> None:
    assert staff.post(PAGE).status_code == 405
    assert staff.head(PAGE).status_code == 200


# --- What is shown -----------------------------------------------------------------------------------------------


def test_requests_tokens_cost_and_times_are_those_of_the_records(staff: Client, home: Organization) -> None:
    store([
        asked(home, input_tokens=1000, cached_tokens=400, output_tokens=50, cost_micro=2_000_000, duration_us=2000),
        asked(home, status=500, duration_us=4_000_000, first_token_us=None, cost_micro=0),
        asked(home, status=429, duration_us=1000, first_token_us=None, cost_micro=0),
        asked(home, status=499, duration_us=1000, first_token_us=900_000, cost_micro=0),
        asked(home, ago=timedelta(hours=30)),
    ])  # fmt: skip
    UsageRecord.objects.all().delete()  # no record is read
    answer = staff.get(PAGE)
    assert chart(answer, "requests") == {"answered": 1, "refused": 1, "caller hung up": 1, "failed": 1}
    assert chart(answer, "errors") == {"failed": 0.25, "refused": 0.25}
    assert chart(answer, "tokens") == {"input": 624, "cached input": 406, "output": 65}
    assert chart(answer, "cost") == {"cost": 2_000_000}
    assert chart(answer, "latency")["p99"] == pytest.approx(4_000_000, rel=0.05)
    assert chart(answer, "first-token")["p95"] == pytest.approx(900_000, rel=0.05)
    assert {name: tiles(answer)[name] for name in ("Requests", "Failed", "Tokens", "Cost")} == {
        "Requests": "4", "Failed": "25.0 %", "Tokens": "1.09K", "Cost": "$2.00",
    }  # fmt: skip
    assert "+300.0 % against the time before" in text(answer)


def test_a_chart_has_a_text_and_a_table_behind_it(staff: Client, home: Organization) -> None:
    store([asked(home, status=502)])
    page = staff.get(PAGE).content.decode()
    assert "In all: answered 0, refused 0, caller hung up 0, failed 1.</desc>" in page
    assert page.count('role="img"') == page.count('<details class="lukhas-behind">') == page.count("<desc") > 4
    assert len(re.findall(r' id="([^"]+)"', page)) == len(set(re.findall(r' id="([^"]+)"', page)))


def test_the_time_is_chosen_in_the_address(staff: Client, home: Organization) -> None:
    store([asked(home), asked(home, ago=timedelta(hours=2)), asked(home, ago=timedelta(days=3))])
    numbers = {
        name: chart(staff.get(PAGE, {"range": name}), "requests")["answered"] for name in ("1h", "24h", "7d", "30d")
    }
    assert numbers == {"1h": 1, "24h": 2, "7d": 3, "30d": 3}
    day = f"{NOW - timedelta(days=3):%Y-%m-%d}"
    answer = staff.get(PAGE, {"from": day, "to": day, "by": "key"})
    assert chart(answer, "requests")["answered"] == 1
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.content.decode())
    assert ("from", day) in hidden
    assert ("by", "key") in hidden


def test_a_project_is_chosen_in_the_address(staff: Client, home: Organization) -> None:
    project = Project.objects.create(organization=home, name="Web shop")
    store([asked(home), asked(home, project_id=project.public_id)])
    answer = staff.get(PAGE, {"project": project.public_id})
    assert chart(answer, "requests")["answered"] == 1
    assert f'<option value="{project.public_id}" selected>Web shop' in answer.content.decode()
    listed = staff.get(PAGE, {"by": "project"}).content.decode()
    assert f'?by=project&amp;project={project.public_id}">Web shop</a>' in listed


NONSENSE = ("x", "\0", "a\0b", "'", "<b>", "%", "9" * 5000, "☃", "../..", "-1", "1e999", "null", "𝟙h")
NAMES = ("organization", "project", "range", "from", "to", "by", "flag", "control")


@pytest.mark.parametrize("value", ["\0", "<b>", "9" * 5000])
def test_what_makes_no_sense_is_said_and_shows_what_there_is(staff: Client, home: Organization, value: str) -> None:
    store([asked(home, flag="f", variant="a")])
    answer = staff.get(PAGE, dict.fromkeys(NAMES, value))
    assert answer.status_code == 200
    assert chart(answer, "requests")["answered"] == 1
    assert len(answer.context["complaints"]) == 6  # the three of the time are one
    assert "<b>" not in answer.content.decode()


@pytest.mark.parametrize("name", NAMES[:6])
def test_each_value_that_makes_no_sense_is_complained_of_once(home: Organization, name: str) -> None:
    for value in NONSENSE:
        found = ask(Reach(everything=True), {name: value, "flag": "f"}, NOW)
        assert found is not None
        assert len(found.complaints) == 1, value
        assert dict(found.values) == {"flag": "f"}
    for value in ("", " "):
        found = ask(Reach(everything=True), {name: value}, NOW)
        assert found is not None
        assert not found.complaints


# --- Broken down -------------------------------------------------------------------------------------------------


@pytest.fixture
def many(home: Organization) -> None:
    """Twelve models, keys, projects and variants, the later ones with more requests."""
    rows: list[Record] = []
    for number in range(12):
        project = Project.objects.create(organization=home, name=f"Project {number}")
        robot = ServiceAccount.objects.create(project=project, name="robot")
        key = ApiKey.issue(name=f"Key {number}", organization=home, project=project, service_account=robot)[0]
        fields = {"model": f"model-{number}", "flag": "f", "variant": f"v{number}", "cost_micro": 10_000}
        ids = {"project_id": project.public_id, "key_id": key.public_id}
        rows += [asked(home, **ids, **fields) for _ in range(number + 1)]
    store(rows)


@pytest.mark.parametrize(
    ("by", "name"), [("project", "Project {}"), ("key", "Key {}"), ("model", "model-{}"), ("variant", "f: v{}")]
)
def test_those_with_the_most_requests_come_first(staff: Client, many: None, by: str, name: str) -> None:
    answer = staff.get(PAGE, {"by": by})
    found = answer.context["breakdown"]
    assert [place.name for place in found.places] == [*(name.format(11 - row) for row in range(10)), "all others"]
    assert [place.requests for place in found.places] == [*range(12, 2, -1), 3]
    assert sum(place.share for place in found.places) == pytest.approx(1)
    assert found.places[0].cells[4] == "$0.1200"
    assert found.places[-1].cells[4] == "$0.0300"
    drawn = {one.name: sum(one.values) for one in found.chart.series}
    assert drawn == {**{name.format(11 - row): 12 - row for row in range(6)}, "all others": 21}


def test_what_is_of_none_or_of_what_is_gone_has_a_name(staff: Client, home: Organization) -> None:
    store([asked(home, project_id="", key_id="", model="", flag="", variant="")])
    names = {by: staff.get(PAGE, {"by": by}).context["breakdown"].places[0].name for by in ("project", "key", "model")}
    assert names == {"project": "no project", "key": "no key", "model": "no model"}
    assert staff.get(PAGE, {"by": "variant"}).context["breakdown"].places[0].name == "no rollout"
    store([asked(home, key_id="key_gone") for _ in range(2)])
    place = staff.get(PAGE, {"by": "key"}).context["breakdown"].places[0]
    assert (place.name, place.id, place.link) == ("key_gone", "", "")


# --- A rollout ---------------------------------------------------------------------------------------------------


def flagged(home: Organization, count: int, variant: str, seconds: Callable[[], float], **fields: Any) -> list[Record]:
    return [
        asked(home, flag=FLAG, variant=variant, duration_us=int(seconds() * 1e6), **{"status": 200, **fields})
        for _ in range(count)
    ]


def cells(answer: Any, title: str) -> Any:
    return next(measure.cells for measure in answer.context["rollout"].measures if measure.title == title)


def test_a_planted_difference_of_a_fifth_is_shown_with_an_interval_that_holds_it(
    staff: Client, home: Organization
) -> None:
    flag = Flag.objects.create(organization=home, key=FLAG, kind="string", variants={"current": "a", "next": "b"})
    FlagState.objects.create(flag=flag, environment=ensure_environment(), enabled=True, default_variant="current")
    project = Project.objects.create(organization=home, name="Shop").public_id
    found = sources([(project, ("a", "b"))] * 3, scale=0.4)
    store(list(month(datetime.now(UTC), home.public_id, found[:2])))
    answer = staff.get(PAGE, {"range": "30d"})
    assert answer.context["rollout"].variants == ("current", "next")
    control, new = cells(answer, "Latency, mean")
    assert (control.difference, new.verdict) == ("", "beyond chance")
    low, high = (float(part.replace("−", "-")) for part in re.findall(r"[−+][\d.]+", new.interval))
    assert low < (SLOWER - 1) * 100 < high
    assert high - low < 20
    assert cells(answer, "Failed")[1].verdict == "within chance"
    assert cells(answer, "Cost a request")[1].difference.startswith("−")
    other = staff.get(PAGE, {"range": "30d", "control": "next"})
    assert other.context["rollout"].variants == ("next", "current")
    assert cells(other, "Latency, mean")[1].difference.startswith("−")


def test_more_failures_are_told_and_few_requests_say_nothing(staff: Client, home: Organization) -> None:
    chance = random.Random(1)
    second = lambda: chance.uniform(0.9, 1.1)  # noqa: E731
    store([
        *flagged(home, 100, "old", second),
        *flagged(home, 60, "bad", second),
        *flagged(home, 30, "bad", second, status=502),
        *flagged(home, 5, "new", lambda: 3.0, first_token_us=None),
        *flagged(home, 1, "", second),
    ])  # fmt: skip
    answer = staff.get(PAGE)
    assert answer.context["rollout"].variants == ("old", "bad", "new", "no variant")
    old, bad, new, _ = cells(answer, "Failed")
    assert (old.value, bad.value, bad.verdict) == ("0.0 %", "33.3 %", "beyond chance")
    assert bad.difference == "+33.33 points"
    assert new.verdict == "fewer than 30 requests"
    assert cells(answer, "First token, p95")[2].value == "–"
    assert cells(answer, "Latency, p95")[2].difference != ""
    assert cells(staff.get(PAGE, {"control": "no variant"}), "Requests")[0].value == "1 (0.51 %)"


def test_the_flag_and_the_control_are_chosen_in_the_address(staff: Client, home: Organization) -> None:
    store([asked(home, flag="busy", variant=name) for name in ("a", "a", "b")])
    store([asked(home, flag="idle", variant="x")])
    assert staff.get(PAGE).context["rollout"].flags == ("busy", "idle")
    assert staff.get(PAGE).context["rollout"].control == "a"  # that most requests are of
    assert staff.get(PAGE, {"flag": "idle"}).context["rollout"].variants == ("x",)
    answer = staff.get(PAGE, {"flag": "gone", "control": "z"})
    assert answer.context["rollout"].flag == "busy"
    assert "The flag “gone” chose no model in this time. “busy” is shown." in text(answer)
    assert "“busy” answered nothing with “z” in this time." in text(answer)


# --- Where there is nothing --------------------------------------------------------------------------------------


def test_where_nobody_ever_asked_it_says_how_to(staff: Client) -> None:
    answer = staff.get(PAGE)
    assert "curl http://testserver/v1/chat/completions" in text(answer)
    assert 'href="/admin/accounts/apikey/add/"' in answer.content.decode()


def test_where_nobody_asked_in_this_time_a_longer_one_is_offered(staff: Client, home: Organization) -> None:
    store([asked(home, ago=timedelta(days=2))])
    answer = staff.get(PAGE, {"by": "key"})
    assert "Nobody asked a model in this time." in text(answer)
    assert 'href="?by=key&amp;range=30d"' in answer.content.decode()


def test_without_a_rollout_it_says_how_to_make_one(staff: Client, home: Organization) -> None:
    store([asked(home, cost_micro=0, first_token_us=None)])
    answer = staff.get(PAGE)
    assert "Make a flag whose variants are ids of models" in text(answer)
    assert "Nothing was spent in this time." in text(answer)
    assert "No stream in this time" in text(answer)


# --- What it costs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["project", "key", "model", "variant"])
def test_it_costs_the_same_few_queries_whatever_there_is(
    staff: Client, home: Organization, by: str, request: pytest.FixtureRequest
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert staff.get(PAGE, {"by": by}).status_code == 200
        assert not any("usagerecord" in query["sql"] for query in found.captured_queries)
        return len(found)

    store([asked(home, flag="f", variant="v")])
    before = queries()
    request.getfixturevalue("many")
    store([asked(home, ago=timedelta(hours=hour), flag=f"f{hour}", variant=f"v{hour}") for hour in range(1, 24, 2)])
    assert queries() == before <= 20
