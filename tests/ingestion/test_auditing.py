"""The audit finds nothing in a sound store, and each kind of damage by its own name."""

import hashlib
from collections.abc import Callable, Mapping
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from psycopg.types.range import Range

from handoffs import payloads
from ingestion import auditing, dispatch
from ingestion.auditing import audit, names
from ingestion.lifecycles import APPROVAL, OCCURRENCE
from ingestion.models import Approval, Occurrence
from ingestion.recovery import sweep
from ledger.reasons import Reason
from patches.models import Alias, Entity, Identity
from tests.builders import make_batch, make_flight, make_handoff, make_occurrence, make_run, make_source
from tests.flying import deliver, fly, open_flights, remove, silence, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

TEXT = "led_by: Acme > Ann [2011..2014]"


def sql(statement: str) -> None:
    """Write as no code of ours can: triggers and foreign keys look away."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = origin")


def without(table: str, constraint: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")


def no_time() -> None:
    without("ingestion_ingestrun", "due_time_while_it_waits")
    make_run("pending", next_attempt_at=None)


def no_lease() -> None:
    make_run("running")
    without("ingestion_flight", "open_flight_has_a_lease")
    sql("UPDATE ingestion_flight SET lease_until = NULL WHERE status = 'open'")


def two_waiting() -> None:
    first = make_handoff("pending")
    sql("DROP INDEX one_waiting_handoff_per_reference")
    make_handoff("held", reference=first.reference)


def approved_without_a_verdict() -> None:
    sql("DELETE FROM patches_verdict")


def fresh_draft() -> None:
    make_batch(status="draft")


def altered_bytes() -> None:
    """Of a content that no other test has: the bytes outlive the test."""
    data = f"{uuid4()}".encode()
    deliver(make_source(), unique=data)
    with payloads.store().open(payloads.path_of(hashlib.sha256(data).hexdigest()), "wb") as file:
        file.write(b"altered")


def missed_but_called_done() -> None:
    rows = Occurrence.objects.filter(pk=make_occurrence().pk)
    OCCURRENCE.move(rows, was={"due"}, to="missed", reason=Reason.TOO_LATE, by="tests", next_attempt_at=None)
    sql("UPDATE ingestion_occurrence SET status = 'done'")


def refused_but_called_asked() -> None:
    told = {"source": make_source(), "why": "w", "asked_by": User.objects.create_user("asks")}
    rows = Approval.objects.filter(pk=Approval.objects.create(**told, expires_at="2099-01-01T00:00Z").pk)
    APPROVAL.move(rows, was={"asked"}, to="refused", reason=Reason.SECOND_REFUSED, by="tests")
    sql("UPDATE ingestion_approval SET status = 'asked'")


def word_of_a_batch_not_applied() -> None:
    one, other = Entity.objects.order_by("pk")[:2]
    Identity.objects.create(batch=make_batch(), n=0, entity=one, same_as=other)


def alias_that_nobody_said() -> None:
    one, other = Entity.objects.order_by("pk")[:2]
    Alias.objects.create(entity=one, canonical=other, sys=Range(1, None))


def applied(set_: str, where: str = "true", table: str = "patches_patchbatch") -> Callable[[], None]:
    return lambda: sql(f"UPDATE {table} SET {set_} WHERE {where}")  # noqa: S608  a test's own


# What each check has to find, in a store with two applied batches, a duplicate and nothing under way.
DAMAGE: Mapping[str, Callable[[], object]] = {
    "run_waits_without_a_time": no_time,
    "run_under_way_without_an_open_flight": lambda: make_run("running", flight=make_flight(status="landed")),
    "flight_open_without_a_lease": no_lease,
    "flight_open_with_nobody_aboard": make_flight,
    "handoff_under_way_without_its_one_run": lambda: make_handoff("ingesting"),
    "run_active_while_its_handoff_has_ended": lambda: make_run("pending", handoff=make_handoff("failed")),
    "reference_with_several_handoffs_waiting_or_running": two_waiting,
    "batch_applied_without_an_approving_verdict": approved_without_a_verdict,
    "batch_applied_that_nothing_carries": lambda: sql("DELETE FROM patches_carrier"),
    "reference_that_carries_a_batch_not_applied": applied("status = 'superseded'"),
    "reference_that_carries_another_than_the_last_that_stands": lambda: sql("DELETE FROM patches_referenceversion"),
    "reference_gone_that_carries_a_batch": applied("gone_at = now()", table="handoffs_reference"),
    "passage_live_otherwise_than_its_batch": applied("live = false", table="patches_passage"),
    "assertion_live_otherwise_than_its_batch": applied("live = false", table="patches_assertion"),
    "batch_whose_open_lives_are_not_its_status": lambda: sql("DELETE FROM patches_batchlife"),
    "batch_left_as_a_draft": fresh_draft,
    "duplicate_of_a_run_not_completed": applied("status = 'failed'", "status = 'completed'", "ingestion_ingestrun"),
    "run_in_review_whose_batch_or_handoff_is_not": lambda: make_run("in_review", batch=make_batch()),
    "run_in_quarantine_without_a_cause": lambda: make_run("quarantined"),
    "handoff_whose_last_event_is_not_its_status": applied("status = 'failed'", table="handoffs_handoff"),
    "run_whose_last_event_is_not_its_status": applied(
        "status = 'failed'", "status = 'completed'", "ingestion_ingestrun"
    ),
    "flight_whose_last_event_is_not_its_status": applied("status = 'lost'", table="ingestion_flight"),
    "occurrence_whose_last_event_is_not_its_status": missed_but_called_done,
    "approval_whose_last_event_is_not_its_status": refused_but_called_asked,
    "batch_whose_last_event_is_not_its_status": applied("status = 'superseded'"),
    "identity_live_otherwise_than_its_batch": word_of_a_batch_not_applied,
    "assertion_that_counts_in_a_slot_not_its_own": applied("slot = gen_random_uuid()", table="patches_assertion"),
    "entity_that_counts_as_another_than_was_said": alias_that_nobody_said,
    "slot_whose_facts_are_not_its_assertions": applied(
        "valid = tstzrange('2001-01-01', '2002-01-01')", table="patches_fact"
    ),
    "payload_missing_or_altered": altered_bytes,
}


@pytest.fixture
def store(models):  # noqa: ARG001  in place before anything is ingested
    source = make_source()
    deliver(source, a=TEXT, b=TEXT, c="other")
    work_off()
    work_off()
    return source


def found(**options) -> list[str]:
    return [finding.check for finding in audit(**options)]


def test_every_check_is_tried_here():
    assert set(DAMAGE) == set(names())


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("check", sorted(DAMAGE))
def test_damage_is_found_by_its_name(check):
    assert found(deep=True) == []
    DAMAGE[check]()
    assert check in found(deep=True)


def test_a_store_is_sound_at_every_moment_of_its_work(settings):
    settings.OPEN_FLIGHTS = 2
    source = make_source()
    deliver(source, a=TEXT, b=TEXT, bug="a BUG", away="is AWAY", empty="")
    assert found() == []
    dispatch.tick()
    assert found() == []
    flights = open_flights()
    for stage in ("chunk", "fact", "apply"):
        for flight in flights:
            flight.refresh_from_db()
            fly(flight, until=stage)
        assert found() == []
    for flight in open_flights():
        silence(flight)
    sweep()
    assert found() == []
    work_off()
    assert found() == []
    remove(source, "a", "b")
    assert found() == []
    sweep()
    assert found() == []


def test_a_finding_is_cut_and_says_so():
    for _ in range(4):
        make_batch(status="draft")
    [finding] = [one for one in audit(limit=3) if one.check == "batch_left_as_a_draft"]
    assert (len(finding.rows), finding.more) == (3, True)


def test_slots_are_recomputed_page_by_page(store, monkeypatch):
    deliver(store, d="led_by: Zeta > Zoe [2011..2014]", e="led_by: Eta > Eve [2011..2014]")
    work_off()
    monkeypatch.setattr(auditing, "PAGE", 1)
    assert found() == []
    DAMAGE["slot_whose_facts_are_not_its_assertions"]()
    [finding] = [one for one in audit() if one.check.startswith("slot")]
    assert len(finding.rows) == 3
