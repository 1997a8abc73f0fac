"""The console's first page: what was summed up, a verdict that names what is wrong, the same work at any size."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.utils import timezone

from console import overview
from console.drawing import Chart, ceiling
from console.models import Backlog, Gauge, Latency, Newest, Usage
from console.overview import RANGES, Overview, Used, look
from console.rolling import roll
from console.verdict import ATTENTION, TROUBLE, WELL, verdict
from handoffs.models import Source
from ingestion import alive
from ingestion.clock import CLOCK_LOCK
from ingestion.duty import DUTY_LOCK
from ingestion.lifecycles import RUN
from ingestion.models import IngestRun, Quarantine, Visit
from ledger.reasons import Reason
from tests.builders import make_batch, make_flight, make_handoff, make_reflection, make_run, make_source
from tests.conftest import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
DAY = RANGES["24h"]
MIB = 1024**2
HOME, FRAGMENT = "/admin/", "/admin/overview/"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing that another test saw or said."""
    caches["process"].clear()
    alive._said_at.clear()
    alive._broker().delete(alive.KEY)
    yield
    alive._broker.cache_clear()


@pytest.fixture
def staffed() -> Iterator[None]:
    """A dispatcher on duty, a worker and the clock."""
    alive.say("w@host")
    both = [DUTY_LOCK, CLOCK_LOCK]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s), pg_advisory_lock(%s)", both)
        yield
        cursor.execute("SELECT pg_advisory_unlock(%s), pg_advisory_unlock(%s)", both)


def end(source: Source, to: str, reason: Reason) -> None:
    run = make_run("running", source=source)
    RUN.move(IngestRun.objects.filter(pk=run.pk), was={"running"}, to=to, reason=reason, by="worker")


def everything() -> None:
    while roll():
        pass


def says(seen: Overview) -> str:
    judged = verdict(seen)
    return "\n".join([judged.level, judged.says, *(sign.says for sign in judged.signs)])


def test_the_page_counts_what_the_ledger_has(admin_client: Client) -> None:
    source = make_source()
    for to, reason in (("completed", Reason.APPLIED), ("completed", Reason.APPLIED), ("failed", Reason.CORRUPT)):
        end(source, to, reason)
    everything()

    for name in RANGES:
        seen = look(RANGES[name])
        assert (seen.applied, seen.troubled, seen.ended) == (2, 1, 3), name
        assert [(one.became, one.reason, one.times) for one in seen.missed] == [("failed", "corrupt", 1)]
        [fresh] = seen.sources
        assert (sum(fresh.applied), sum(fresh.missed)) == (2, 1)
        assert fresh.age_s is not None
        assert 0 <= fresh.age_s < 60
    page = admin_client.get(HOME, {"range": "1h"}).content.decode()
    assert "It is not a valid file of its kind" in page
    assert "<b>2</b>" in page


def test_one_source_can_be_looked_at_alone(admin_client: Client) -> None:
    mine, other = make_source(name="mine"), make_source(name="other")
    end(mine, "completed", Reason.APPLIED)
    end(other, "failed", Reason.CORRUPT)
    everything()

    page = admin_client.get(HOME, {"source": mine.pk}).content.decode()

    assert "mine" in page
    assert "not a valid file" not in page
    assert admin_client.get(HOME, {"source": "x", "range": "eternity"}).status_code == 200


def test_half_and_nearly_all_of_the_runs_got_through_a_stage_within_what_is_shown() -> None:
    one, other = make_source(), make_source()
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for source, more in ((one, 0), (other, 1), (None, 0), (None, 1)):
        for bucket, times in ((4, 90), (8, 6), (40, 4)):
            Latency.objects.create(span=3600, at=hour, source=source, stage="fact", bucket=bucket + more, times=times)

    [alone], [both] = look(DAY, one.pk).latencies, look(DAY).latencies

    assert (alone.runs, alone.p50_s, alone.p95_s) == (100, 0.002, 0.004)
    assert alone.over[-1] == alone.p95_s
    assert sum(alone.over) == alone.p95_s
    assert (both.runs, both.p50_s, both.p95_s) == (200, 2**1.25 / 1000, 2**2.25 / 1000)
    assert look(DAY, theirs=[one.pk, other.pk]).latencies == [both]


def test_the_queue_is_shown_of_the_sources_that_are_looked_at() -> None:
    one, other, third = make_source(), make_source(), make_source()
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for source, waiting in ((one, 3), (other, 4), (third, 50)):
        Backlog.objects.create(span=3600, at=hour, source=source, waiting=waiting, oldest_s=10 * waiting)
    Gauge.objects.create(at=hour, waiting=55, oldest_s=400, flights=0, quarantined=0, in_review=0)

    def peaks(**whose: Any) -> tuple[float, float]:
        seen = look(DAY, **whose)
        return seen.waiting.peak, seen.oldest.peak

    assert peaks(source=one.pk) == (3, 30)
    assert peaks(theirs=[one.pk, other.pk]) == (7, 40)
    assert peaks() == (55, 400)


def test_what_the_stages_took_is_shown_with_its_most_memory(admin_client: Client) -> None:
    one, hour = make_source(), timezone.now().replace(minute=0, second=0, microsecond=0)
    for source, times in ((one, 1), (None, 2)):
        for at, peak in ((hour, 300), (hour - timedelta(hours=1), 700)):
            Usage.objects.create(
                span=3600, at=at, source=source, stage="embed", visits=times, runs=3 * times, items=5 * times,
                size_bytes=1024 * times, waited_s=2 * times, took_s=9, cpu_s=4 * times, peak_bytes=peak * times * MIB,
            )  # fmt: skip

    assert look(DAY, one.pk).used == [Used("embed", 6, 10, 2048, 8, 4, 700 * MIB)]
    assert look(DAY).used == [Used("embed", 12, 20, 4096, 16, 8, 1400 * MIB)]
    page = admin_client.get(HOME).content.decode()
    [line] = re.findall(r'<tr><th scope="row">embed</th>.*?</tr>', page)
    assert re.findall(r'number">([^<]+)<', line) == ["12", "20", "4.0 KiB", "16 s", "8 s", "1.4 GiB"]


@pytest.mark.usefixtures("staffed")
def test_all_is_well_when_nothing_is_wrong() -> None:
    source = make_source()
    end(source, "completed", Reason.APPLIED)
    everything()
    IngestRun.objects.get()  # its flight landed
    connection.cursor().execute("UPDATE ingestion_flight SET status = 'landed', lease_until = NULL")

    judged = verdict(look(DAY))

    assert (judged.level, judged.signs) == (WELL, [])
    assert judged.says == "Learning is healthy: 1 applied in 24h, none in line."


def test_who_is_missing_is_named() -> None:
    make_handoff()

    told = says(look(DAY))

    assert told.startswith(TROUBLE)
    assert "No dispatcher is on duty" in told
    assert "No worker was heard of" in told
    assert "No clock is on duty" in told


@pytest.mark.usefixtures("staffed")
def test_what_waits_for_a_person_is_named_with_the_way_there(admin_client: Client) -> None:
    source = make_source()
    run = make_run("quarantined", source=source, reason="unexpected")
    Quarantine.objects.create(run=run, stage="fact", failure="unexpected", exception="KeyError", fingerprint="f" * 16)
    make_batch(source, "in_review")
    Source.objects.filter(pk=source.pk).update(paused=True, paused_why="the key was refused", deletions_held=7)

    judged = verdict(look(DAY))

    assert judged.level == ATTENTION
    assert [sign.says for sign in judged.signs] == [
        "1 in quarantine, the largest group is 1 of KeyError at fact",
        "1 batches wait for a reviewer",
        f"{source} is paused: the key was refused",
        f"{source} misses 7 items, too many to be believed",
    ]
    for sign in judged.signs:
        assert admin_client.get(sign.where).status_code == 200


@pytest.mark.usefixtures("staffed")
def test_what_is_stuck_is_named_apart_from_what_waits_for_a_worker(admin_client: Client) -> None:
    silent = make_flight(worker="w@host", lease_until=timezone.now() - timedelta(seconds=30))
    asked_again = timezone.now() + timedelta(seconds=55)  # the sweep rang for it, and it waits on
    waits = make_flight(lease_until=asked_again, created_at=timezone.now() - timedelta(minutes=5))
    make_flight(created_at=timezone.now() - timedelta(seconds=5))
    make_flight(worker="w@host")

    told = says(look(DAY))

    assert told.startswith(TROUBLE)
    assert "1 of 4 flights are stuck: no heartbeat for 90 s" in told.replace("1.5 min", "90 s")
    assert "1 of 4 flights have waited for a worker for 5 min" in told
    page = admin_client.get(HOME).content.decode()
    lines = {
        pk: line for pk in (silent.pk, waits.pk) for line in re.findall(rf"<tr><td><a href=[^>]*/{pk}/.*?</tr>", page)
    }
    assert "stuck</span>" in lines[silent.pk] and "starved</span>" not in lines[silent.pk]
    assert "starved</span>" in lines[waits.pk] and "stuck</span>" not in lines[waits.pk]
    assert page.count("starved</span>") == page.count("stuck</span>") == 1


@pytest.mark.usefixtures("staffed")
def test_a_flight_waits_since_its_last_stage_ended() -> None:
    source = make_source()
    flight = make_flight(source, "chunk", created_at=timezone.now() - timedelta(hours=1))
    Visit.objects.create(
        flight=flight, source=source, stage="fetch", ended_at=timezone.now() - timedelta(seconds=20), waited_s=1,
        took_s=1, cpu_s=1, peak_bytes=1, size_bytes=1, runs=[1], weights=[1], items=[0],
    )  # fmt: skip

    [seen] = look(DAY).flights

    assert seen.waits_s is not None
    assert 20 <= seen.waits_s < 50
    assert (seen.starved, seen.silent_s) == (False, None)


def test_the_list_of_flights_tells_who_waits_from_who_fell_silent(admin_client: Client) -> None:
    ago = timezone.now().replace(microsecond=0) - timedelta(minutes=5)
    make_flight(created_at=ago)
    make_flight(worker="w@host", created_at=ago, lease_until=ago + timedelta(seconds=70))
    make_flight(status="landed", created_at=ago)

    page = admin_client.get("/admin/ingestion/flight/").content.decode()

    told = {name: re.findall(rf'field-{name}">(.*?)</td>', page) for name in ("waits_since", "silent_since")}
    landed, silent, waits = range(3)
    assert ["moment" in one for one in told["waits_since"]] == [False, False, True]
    assert ["moment" in one for one in told["silent_since"]] == [False, True, False]
    assert f"{ago:%H:%M:%S}" in told["waits_since"][waits]
    assert f"{ago + timedelta(seconds=10):%H:%M:%S}" in told["silent_since"][silent]
    assert told["silent_since"][landed] == "-"


@pytest.mark.usefixtures("staffed")
def test_a_queue_that_does_not_move_is_named() -> None:
    make_handoff(since=timezone.now() - timedelta(hours=3))
    told = says(look(DAY))
    assert told.startswith(TROUBLE)
    assert "The oldest has waited 3 h, and nothing is under way" in told


@pytest.mark.usefixtures("staffed")
def test_many_failures_are_named_with_their_reason() -> None:
    source = make_source()
    for _ in range(4):
        end(source, "completed", Reason.APPLIED)
    end(source, "failed", Reason.TOO_LARGE)
    everything()

    assert "1 of 5 runs failed in 24h, most of them for larger than the size limit" in says(look(DAY))


def test_a_process_that_falls_silent_or_says_good_bye_is_not_taken_for_alive() -> None:
    alive.say("a@host")
    alive.say("b@host")
    alive._broker().zincrby(alive.KEY, -2 * alive.SILENT_S, "b@host")
    assert [(one.name, one.silent) for one in alive.heard()] == [("a@host", False), ("b@host", True)]

    alive.leave("a@host")
    assert [one.name for one in alive.heard()] == ["b@host"]


def test_the_page_is_there_when_the_broker_is_not(admin_client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    alive._broker.cache_clear()
    alive.say("w@host")  # and does not raise
    with pytest.raises(redis.RedisError):
        alive.heard()

    answer = admin_client.get(HOME)

    assert answer.status_code == 200
    assert "The broker does not answer" in answer.content.decode()


@pytest.mark.parametrize("url", [HOME, FRAGMENT])
def test_a_page_has_nothing_inline_and_says_what_it_may_load(admin_client: Client, url: str) -> None:
    source = make_source(reflection=make_reflection(), name="<script>alert(1)</script>")
    end(source, "failed", Reason.CORRUPT)
    everything()

    answer = admin_client.get(url)

    page = answer.content.decode()
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", page)
    assert "&lt;script&gt;alert(1)" in page


def test_what_the_page_fetches_of_itself_is_the_overview_alone(admin_client: Client) -> None:
    fragment = admin_client.get(FRAGMENT, {"range": "7d"})

    assert "<html" not in fragment.content.decode()
    assert "no-store" in fragment.headers["Cache-Control"]
    assert 'href="?range=7d"' not in fragment.content.decode()  # the controls stay where they are


def test_who_may_not_see_runs_sees_no_numbers(client: Client) -> None:
    client.force_login(get_user_model().objects.create_user("clerk", is_staff=True))

    page = client.get(HOME)

    assert page.status_code == 200
    assert 'class="verdict' not in page.content.decode()
    assert client.get(FRAGMENT).status_code == 403
    client.logout()
    assert client.get(FRAGMENT).status_code == 302


def test_the_number_of_statements_is_constant_and_viewers_share_what_was_seen(
    admin_client: Client, statement_count: Callable[[], int]
) -> None:
    end(make_source(), "completed", Reason.APPLIED)
    everything()
    look(DAY)
    statement_count()
    look(DAY)
    few = statement_count()
    for _ in range(20):
        end(make_source(), "failed", Reason.CORRUPT)
        Quarantine.objects.create(run=make_run("quarantined"), stage="fact", failure="x", fingerprint=f"{_:016}")
    everything()
    statement_count()
    look(DAY)
    assert statement_count() == few <= 16

    admin_client.get(HOME)
    statement_count()
    admin_client.get(HOME)
    assert statement_count() <= 5  # the session, the person, and the bound on what a page takes, set and lifted


def test_a_long_list_of_sources_begins_with_those_that_want_something() -> None:
    sources = [make_source(name=f"s{n}") for n in range(overview.SOURCES + 3)]
    Newest.objects.bulk_create(Newest(source=one, at=timezone.now()) for one in sources)
    Source.objects.filter(pk=sources[-1].pk).update(last_error="refused")

    shown = look(DAY).sources

    assert len(shown) == overview.SOURCES
    assert shown[0].id == sources[-1].pk


def test_bars_stand_on_each_other_and_fill_the_picture_no_further_than_its_top() -> None:
    start = timezone.now().replace(microsecond=0)
    chart = Chart("t", [start, start + timedelta(hours=1)], {"completed": [30, 0], "failed": [10, 0]})

    drawn = str(chart.picture)

    assert chart.top == "50"
    heights = [float(h) for h in re.findall(r'of-(?:completed|failed)"[^>]* height="([0-9.]+)"', drawn)]
    tops = [float(y) for y in re.findall(r'of-(?:completed|failed)"[^>]* y="([0-9.]+)"', drawn)]
    assert heights == [60.0, 20.0]
    assert tops == [40.0, 20.0]
    assert len(chart.rows) == 1  # the table has what there was
    assert replace(chart, series={"completed": [0, 0]}).rows == []


@pytest.mark.parametrize(("value", "top"), [(0, 0), (0.03, 0.05), (1, 1), (3, 5), (9.5, 10), (21, 25), (999, 1000)])
def test_the_top_of_a_picture_is_a_round_number(value: float, top: float) -> None:
    assert ceiling(value) == pytest.approx(top)


def test_everything_that_is_drawn_has_a_colour() -> None:
    sheet = (ROOT / "console/static/console/console.css").read_text()

    drawn = {*overview.ENDED, *overview.DECIDED, *overview.MISSED, "waiting", "oldest", "p95"}

    assert [name for name in sorted(drawn) if f".of-{name}" not in sheet] == []
