"""Health pages and the doctor: what they say of a sound installation, and of what is wrong with an unsound one."""

import json
import threading
import time
from collections import namedtuple
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from pydantic import SecretStr

from console import health
from console.health import CHECKS, WITHOUT_DATABASE, Finding, look
from handoffs.models import Source
from ingestion.clock import CLOCK_LOCK
from ingestion.duty import DUTY_LOCK
from ingestion.models import Occurrence, Schedule
from ledger import auditlog
from ledger.models import Event
from tests.builders import make_flight, make_handoff, make_occurrence, make_source
from tests.ledger.test_auditlog import as_superuser
from tests.peers.http import Answer, Peer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def static_files(settings):
    settings.STATIC_ROOT.mkdir(exist_ok=True)  # the web process makes it


@pytest.fixture
def on_duty():
    other = connection.copy()
    other.cursor().execute("SELECT pg_advisory_lock(%s)", [DUTY_LOCK])
    yield
    other.close()


def found(name: str) -> Finding:
    [finding] = look([name])
    return finding


def wrong(**more) -> set[str]:
    return {finding.name for finding in look(**more) if not finding.ok}


@pytest.mark.usefixtures("on_duty")
def test_a_sound_installation_has_nothing_wrong(capsys):
    assert wrong() == set()
    call_command("doctor", json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["ok"]
    assert len(told["findings"]) == len(CHECKS)


def test_what_is_wrong_comes_with_a_remedy(capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("doctor")
    assert ended.value.code == 4
    assert "none is on duty" in capsys.readouterr().out
    assert "manage.py dispatcher" in found("dispatcher").remedy


def test_a_broker_that_is_away_is_not_ready_and_the_process_is_alive(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert [check["name"] for check in answer.json()["checks"] if not check["ok"]] == ["broker"]
    assert Client().get("/healthz").status_code == 200


def test_a_sound_process_is_ready_and_no_worker_is_asked_for():
    make_flight(lease_until="2026-01-01T00:00Z")
    assert Client().get("/readyz").json()["ready"]


def test_a_flight_that_nobody_takes_is_a_matter_of_the_workers():
    assert found("workers").ok
    make_flight(lease_until="2026-01-01T00:00Z")
    assert "taken by nobody" in found("workers").says


def test_work_that_waits_for_long_with_nothing_under_way_is_starved():
    handoff = make_handoff()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE handoffs_handoff SET since = since - interval '2 h' WHERE id = %s", [handoff.pk])
    assert "waits" in found("workers").says


def test_a_sync_that_is_due_and_taken_up_by_nobody_is_told():
    waits = make_occurrence("due")
    assert found("syncs").ok
    Occurrence.objects.filter(pk=waits.pk).update(next_attempt_at=timezone.now() - timedelta(minutes=5))
    assert "1 syncs are due" in found("syncs").says
    Source.objects.update(paused=True)
    assert found("syncs").ok


def test_schedules_want_a_clock_and_their_times_dealt_with():
    assert found("clock").ok
    schedule = Schedule.objects.create(source=make_source(), every_s=60, next_at=timezone.now() + timedelta(minutes=1))
    assert "no clock" in found("clock").says
    other = connection.copy()
    try:
        other.cursor().execute("SELECT pg_advisory_lock(%s)", [CLOCK_LOCK])
        assert found("clock").ok
        Schedule.objects.filter(pk=schedule.pk).update(next_at=timezone.now() - timedelta(minutes=5))
        assert "nobody called them out" in found("clock").says
    finally:
        other.close()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(200, b"{}"), ""),
        (Answer(404), ""),
        (Answer(401), "key is refused"),
        (Answer(503), "answered 503"),
        (None, "no answer"),
    ],
)
def test_endpoints_of_models_are_asked_where_there_are_any(settings, answer, says):
    assert found("models").ok
    peer = Peer(lambda _: answer or Answer())
    peer.is_away = answer is None
    settings.EXTRACTOR_OPTIONS = {"url": f"{peer.url}/v1", "key": SecretStr("sk-of-the-tests")}
    try:
        seen = found("models")
    finally:
        peer.close()
    assert (seen.ok, says in seen.says, "sk-of" in seen.says + seen.remedy) == (not says, True, False)
    assert peer.asked[0].target == "/v1/models"
    assert peer.asked[0].headers["authorization"] == "Bearer sk-of-the-tests"


def test_more_sources_than_there_are_connections_are_asked_a_few_at_a_time(monkeypatch, tmp_path):
    monkeypatch.setattr(health, "AT_ONCE", 2)
    for _ in range(5):
        make_source(options={"root": str(tmp_path)})
    most = []

    def counted(of: Source) -> Finding:
        most.append(sum(thread.name.startswith("asks") for thread in threading.enumerate()))
        return Finding(str(of), True, "")

    monkeypatch.setattr(health, "source", counted)
    assert len(look([], sources=Source.objects.select_related("reflection"))) == 5
    assert max(most) <= 2


def test_a_source_that_hangs_keeps_nobody_from_ending(monkeypatch):
    began, ended = threading.Event(), threading.Event()

    def hangs(_: Source) -> Finding:
        began.set()
        ended.wait(20)
        return Finding("", True, "")

    monkeypatch.setattr(health, "source", hangs)
    [told] = look([], sources=[make_source()], within_s=0.2)
    waited_for = [one for one in threading.enumerate() if one.name.startswith("asks") and not one.daemon]
    ended.set()
    assert (began.is_set(), told.ok, waited_for) == (True, False, [])


def test_an_event_that_was_altered_or_is_in_no_seal_is_told(monkeypatch):
    told = {"lifecycle": "run", "was": "pending", "became": "running", "reason": "started", "by": "worker"}
    monkeypatch.setattr(auditlog, "HORIZON", "SELECT now() + interval '1 h'")
    Event.objects.create(row_id=1, **told)
    assert auditlog.seal() == 1
    assert found("audit").ok
    Event.objects.create(row_id=2, at=timezone.now() + timedelta(hours=1), **told)
    assert "in no seal" in found("audit").says
    as_superuser("UPDATE ledger_event SET by = 'nobody' WHERE row_id = 1")
    assert "was altered" in found("audit").says


def test_a_full_disk_is_told(monkeypatch):
    usage = namedtuple("usage", "total used free")(10 * 1024**3, 10 * 1024**3 - 5, 5)
    monkeypatch.setattr(health.shutil, "disk_usage", lambda _: usage)
    assert not found("disk").ok


def test_a_transaction_that_is_open_for_long_is_told(monkeypatch):
    monkeypatch.setattr(health, "LONG_TRANSACTION_S", 0)
    other = connection.copy()
    try:
        cursor = other.cursor()
        cursor.execute("BEGIN")
        cursor.execute("SELECT 1")
        assert "transactions are open" in found("upkeep").says
    finally:
        other.close()


@pytest.mark.usefixtures("silent_database")
def test_a_database_that_is_silent_is_told_in_time_and_blamed_for_nothing_else():
    began = time.monotonic()
    told = {finding.name: finding for finding in look(within_s=0.5)}
    assert time.monotonic() - began < 5
    assert {name for name, finding in told.items() if finding.ok} == WITHOUT_DATABASE
    assert "silent" in told["database"].says
    [sources] = health.look_at_sources(told.values())
    assert "not asked" in sources.says


def test_a_check_that_hangs_or_breaks_is_a_finding_within_its_time(monkeypatch):
    def hangs() -> Finding:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")
        return Finding("hangs", True, "")

    def breaks() -> Finding:
        raise ValueError("secret words")

    monkeypatch.setattr(health, "CHECKS", {"hangs": hangs, "breaks": breaks})
    began = time.monotonic()
    hung, broke = look(["hangs", "breaks"], within_s=0.5)
    assert time.monotonic() - began < 5
    assert not hung.ok
    assert (broke.ok, "secret" in broke.says) == (False, False)


def test_sources_are_asked_with_their_own_words(tmp_path):
    make_source(options={"root": str(tmp_path)})
    make_source(options={"root": str(tmp_path / "gone")})
    make_source(paused=True, paused_why="its key expired")
    there, gone, paused = look([], sources=Source.objects.select_related("reflection").order_by("pk"))
    assert there.ok
    assert "folder is not there" in gone.says
    assert ("key expired" in paused.says, "sources resume" in paused.remedy) == (True, True)
