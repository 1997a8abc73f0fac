"""The chain of seals: what it covers, and whom it finds out."""

import json

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client

from handoffs import tokens
from ledger import auditlog
from ledger.models import Event, Seal
from tests.builders import make_handoff
from tests.flying import work_off

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("models")]

TOLD = """
INSERT INTO ledger_event (lifecycle, row_id, was, became, reason, by)
VALUES ('run', %s, 'pending', 'running', 'started', 'worker')
"""
LATER = "SELECT now() + interval '1 h'"


@pytest.fixture
def sealed(monkeypatch) -> None:
    """Some events, in several seals, of which nothing is too young."""
    monkeypatch.setattr(auditlog, "HORIZON", LATER)
    monkeypatch.setattr(auditlog, "AT_ONCE", 5)
    for n in range(12):
        Event.objects.create(lifecycle="run", row_id=n, was="pending", became="running", reason="started", by="worker")
    assert auditlog.seal() == 12
    assert Seal.objects.count() >= 2


def as_superuser(sql: str) -> None:
    """Past every trigger, as who owns the machine can."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql)


@pytest.mark.usefixtures("sealed")
def test_a_log_that_nobody_touched_is_sound_and_what_comes_later_is_sealed_later():
    first = auditlog.verify()
    assert (first.events, first.unsealed, first.broken) == (12, 0, [])
    Event.objects.create(lifecycle="run", row_id=1, was="running", became="failed", reason="corrupt", by="worker")
    assert auditlog.verify().unsealed == 1
    assert auditlog.seal() == 1
    second = auditlog.verify()
    assert (second.events, second.unsealed, second.broken) == (13, 0, [])
    assert second.digest != first.digest


TAMPERING = {
    "altered": "UPDATE ledger_event SET by = 'nobody' WHERE row_id = 3",
    "reason": "UPDATE ledger_event SET note = 'because' WHERE row_id = 11",
    "removed": "DELETE FROM ledger_event WHERE row_id = 3",
    "added": """INSERT INTO ledger_event (at, lifecycle, row_id, was, became, reason, by)
                SELECT at, lifecycle, 99, was, became, reason, by FROM ledger_event WHERE row_id = 3""",
    "moved": "UPDATE ledger_event SET at = at + interval '1 us' WHERE row_id = 3",
    "seal altered": "UPDATE ledger_seal SET events = events + 1 WHERE id = (SELECT min(id) FROM ledger_seal)",
    "seal removed": "DELETE FROM ledger_seal WHERE id = (SELECT min(id) FROM ledger_seal)",
}


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("how", TAMPERING)
def test_who_tampers_as_a_superuser_is_found_out(how, capsys):
    as_superuser(TAMPERING[how])
    with pytest.raises(SystemExit) as ended:
        call_command("auditlog", "verify", json=True)
    assert ended.value.code == 4
    told = json.loads(capsys.readouterr().out)
    assert told["broken"]


@pytest.mark.usefixtures("sealed")
def test_a_chain_that_was_made_anew_has_not_the_digest_that_was_noted(capsys):
    noted = auditlog.verify().digest
    call_command("auditlog", "verify", digest=noted)
    as_superuser("UPDATE ledger_event SET by = 'nobody' WHERE row_id = 3; DELETE FROM ledger_seal")
    auditlog.seal()
    call_command("auditlog", "verify")
    with pytest.raises(SystemExit):
        call_command("auditlog", "verify", digest=noted)
    assert "made anew" in capsys.readouterr().out


@pytest.mark.usefixtures("sealed")
def test_who_takes_the_newest_seals_away_is_found_out_by_what_the_log_said(caplog):
    Event.objects.create(lifecycle="run", row_id=1, was="running", became="failed", reason="corrupt", by="worker")
    with caplog.at_level("INFO"):
        auditlog.seal()
    digest = auditlog.verify().digest
    assert digest in caplog.text
    as_superuser("DELETE FROM ledger_event WHERE became = 'failed'")
    as_superuser("DELETE FROM ledger_seal WHERE id = (SELECT max(id) FROM ledger_seal)")
    call_command("auditlog", "verify")
    with pytest.raises(SystemExit):
        call_command("auditlog", "verify", digest=digest)


@pytest.mark.usefixtures("sealed")
def test_the_newest_seals_can_be_looked_at_alone_and_rest_on_the_one_before():
    assert (auditlog.verify(newest=1).seals, auditlog.verify(newest=100).seals) == (1, Seal.objects.count())
    as_superuser("UPDATE ledger_event SET by = 'nobody' WHERE row_id = 0")
    assert auditlog.verify(newest=1).broken == []
    as_superuser("UPDATE ledger_seal SET digest = 'anew' WHERE id = (SELECT max(id) - 1 FROM ledger_seal)")
    [broken] = auditlog.verify(newest=1).broken
    assert "seal before" in broken.says


def test_what_an_open_transaction_may_still_tell_is_not_sealed_away(monkeypatch):
    monkeypatch.setattr(auditlog, "HORIZON", auditlog.HORIZON.replace("interval '1 s'", "interval '0 s'"))
    other = connection.copy()
    try:
        cursor = other.cursor()
        cursor.execute("BEGIN")
        cursor.execute(TOLD, [1])
        with connection.cursor() as ours:
            ours.execute(TOLD, [2])
        assert auditlog.seal() == 0
        cursor.execute("COMMIT")
    finally:
        other.close()
    assert auditlog.seal() == 2
    assert auditlog.verify().broken == []


def test_the_chore_seals_once_a_minute_and_goes_on_at_once_after_a_full_span(monkeypatch):
    monkeypatch.setattr(auditlog, "HORIZON", LATER)
    monkeypatch.setattr(auditlog, "AT_ONCE", 5)
    for n in range(12):
        Event.objects.create(lifecycle="run", row_id=n, was="pending", became="running", reason="started", by="worker")
    counts = []
    for _ in range(4):
        auditlog.keep_sealed()
        counts.append(Seal.objects.count())
    assert counts == [1, 2, 3, 3]
    Event.objects.create(lifecycle="run", row_id=99, was="pending", became="running", reason="started", by="worker")
    auditlog.keep_sealed()
    assert auditlog.verify().unsealed == 1
    monkeypatch.setattr(auditlog, "SEAL_EVERY_S", 0)
    auditlog.keep_sealed()
    assert auditlog.verify().unsealed == 0


@pytest.mark.usefixtures("sealed")
def test_the_export_has_every_event_and_every_seal_in_order_of_time(capsys):
    call_command("auditlog", "export")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["kind"] for line in lines].count("event") == 12
    assert lines[-1]["kind"] == "seal"
    assert lines[-1]["digest"] == auditlog.verify().digest


def test_events_of_a_request_have_its_name(settings):
    settings.STATIC_ROOT.mkdir(exist_ok=True)
    work_off()
    handoff = make_handoff()
    answer = Client().get("/healthz", headers={"x-request-id": "bad name!"})
    assert len(answer.headers["X-Request-ID"]) == 32
    _, secret = tokens.make(handoff.source.reflection, "caller", ["operate"], by="ann")
    headers = {"authorization": f"Bearer {secret}", "x-request-id": "order-66"}
    answer = Client().post(f"/api/v1/handoffs/{handoff.pk}/cancel", headers=headers)
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (200, "order-66")
    cancelled = Event.objects.filter(lifecycle="handoff", row_id=handoff.pk)
    assert set(cancelled.values_list("request_id", flat=True)) == {"order-66"}
    make_handoff()
    Event.objects.create(lifecycle="run", row_id=1, was="pending", became="running", reason="started", by="worker")
    assert Event.objects.latest("pk").request_id == ""


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("sql", ["UPDATE ledger_seal SET events = 0", "DELETE FROM ledger_seal"])
def test_seals_are_append_only(sql):
    with pytest.raises(DatabaseError, match="seal_append_only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
