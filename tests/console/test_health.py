"""Health pages and the doctor: what they say of a sound installation, and of what is wrong with an unsound one."""

import json
import time
from collections import namedtuple

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from console import health
from console.health import CHECKS, Finding, look
from handoffs.models import Source
from ingestion.duty import DUTY_LOCK
from tests.builders import make_flight, make_handoff, make_source

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
