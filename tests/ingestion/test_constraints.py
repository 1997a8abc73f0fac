"""What the database refuses by itself, whatever code writes to it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from handoffs.models import Payload, Reference, Source
from patches.models import Patch, Verdict
from tests.builders import (
    make_batch,
    make_flight,
    make_handoff,
    make_payload,
    make_reference,
    make_reflection,
    make_run,
    make_source,
)

pytestmark = pytest.mark.django_db


def refuses(constraint: str):
    return pytest.raises(DatabaseError, match=constraint)


def sql(statement: str, *parameters: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@pytest.mark.parametrize(
    ("constraint", "second"),
    [("one_waiting_handoff_per_reference", "held"), ("one_running_handoff_per_reference", "ingesting")],
)
def test_a_reference_has_one_waiting_and_one_running_handoff(constraint, second):
    reference = make_reference()
    make_handoff("pending", reference=reference)
    make_handoff("queued", reference=reference)
    make_handoff("ingested", reference=reference)
    with refuses(constraint):
        make_handoff(second, reference=reference)


def test_a_payload_of_a_reference_has_one_handoff():
    handoff = make_handoff("ingested")
    with refuses("one_handoff_per_reference_and_payload"):
        make_handoff("failed", reference=handoff.reference, payload=handoff.payload)


@pytest.mark.parametrize("status", ["pending", "running", "retry_wait", "in_review"])
def test_a_handoff_has_one_active_run(status):
    first = make_run("running")
    make_run("failed", handoff=first.handoff)
    with refuses("one_active_run_per_handoff"):
        make_run(status, handoff=first.handoff)


def test_a_content_of_a_source_has_one_active_run():
    source = make_source()
    make_run("running", source=source, content_hash="c")
    make_run("completed", source=source, content_hash="c")
    make_run("running", source=make_source(reflection=source.reflection), content_hash="c")
    with refuses("one_active_run_per_content"):
        make_run("retry_wait", source=source, content_hash="c")


def test_a_key_names_one_run():
    run = make_run("failed")
    with refuses("idempotency_key"):
        make_run("failed", idempotency_key=run.idempotency_key)


@pytest.mark.parametrize(
    ("constraint", "status", "fields"),
    [
        ("due_time_while_it_waits", "retry_wait", {"next_attempt_at": None}),
        ("due_time_while_it_waits", "pending", {"next_attempt_at": None}),
        ("due_time_while_it_waits", "completed", {"next_attempt_at": timezone.now()}),
        ("running_run_has_a_flight", "running", {"flight": None}),
        ("duplicate_names_its_run", "duplicate_skipped", {"duplicate_of": None}),
        ("run_status_is_known", "asleep", {}),
    ],
)
def test_no_run_can_be_forgotten(constraint, status, fields):
    with refuses(constraint):
        make_run(status, **fields)


@pytest.mark.parametrize(
    ("constraint", "status", "lease_until"),
    [
        ("open_flight_has_a_lease", "open", None),
        ("open_flight_has_a_lease", "landed", timezone.now() + timedelta(seconds=60)),
        ("flight_status_is_known", "parked", None),
    ],
)
def test_an_open_flight_has_a_lease_and_no_other_has(constraint, status, lease_until):
    with refuses(constraint):
        make_flight(status=status, lease_until=lease_until)


def test_statuses_that_no_lifecycle_has_are_refused():
    with refuses("handoff_status_is_known"), transaction.atomic():
        make_handoff("lost")
    with refuses("batch_status_is_known"), transaction.atomic():
        make_batch(status="lost")


def test_an_item_is_one_reference_and_a_name_one_source():
    reference = make_reference()
    with refuses("one_reference_per_item"), transaction.atomic():
        Reference.objects.create(id=uuid4(), source=reference.source, external_id=reference.external_id)
    source = make_source(reflection=make_reflection(), name="notes")
    with refuses("one_source_of_a_name_per_reflection"), transaction.atomic():
        make_source(reflection=source.reflection, name="notes")


def test_a_source_without_a_share_is_refused():
    with refuses("source_weight_is_positive"):
        Source.objects.filter(pk=make_source().pk).update(weight=0)


def test_a_payload_is_named_by_a_hash_and_never_changed():
    with refuses("payload_hash_is_sha256"), transaction.atomic():
        Payload.objects.create(payload_hash="../../etc/passwd", size_bytes=1)
    with refuses("Cannot update"), transaction.atomic():
        Payload.objects.filter(pk=make_payload().pk).update(size_bytes=7)


def test_a_run_is_never_deleted():
    run = make_run("failed")
    with refuses("Cannot delete"):
        run.delete()


@pytest.mark.parametrize("status", ["approved", "applied"])
@pytest.mark.parametrize("approved", [None, "other"])
def test_a_batch_is_approved_and_applied_only_with_the_digest_that_was_judged(status, approved):
    with refuses("approved_only_as_judged"):
        make_batch(status=status, digest="d", approved_digest=approved)


@pytest.mark.parametrize("field", ["digest", "content_hash", "recipe"])
def test_what_a_batch_was_judged_by_is_fixed(field):
    batch = make_batch()
    with refuses("Cannot update"):
        type(batch).objects.filter(pk=batch.pk).update(**{field: "other"})


def test_a_content_has_one_batch_per_recipe():
    batch = make_batch()
    make_batch(batch.source, content_hash=batch.content_hash, recipe="newer")
    with refuses("one_batch_per_content_and_recipe"):
        make_batch(batch.source, content_hash=batch.content_hash)


@pytest.mark.parametrize("deed", ["UPDATE {} SET batch_id = batch_id", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["patches_patch", "patches_verdict"])
def test_patches_and_verdicts_can_be_neither_changed_nor_removed(table, deed):
    batch = make_batch()
    Patch.objects.create(batch=batch, n=0, op="assert_fact", payload={})
    Verdict.objects.create(batch=batch, digest="d", decision="approve", policy="p", checks={})
    with refuses("Cannot"):
        sql(deed.format(table))
