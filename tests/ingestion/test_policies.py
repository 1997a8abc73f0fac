"""Retry rules: what operators put in the place of the default policies, and what refuses nonsense."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.forms import modelform_factory

from handoffs.models import Reference, Source
from ingestion import dispatch, recovery
from ingestion.adapters.embeddings.hashing import Hashing
from ingestion.auditing import audit
from ingestion.flights import advance
from ingestion.models import Flight, IngestRun, Quarantine, RetryRule
from ingestion.operating import resume
from ingestion.policies import POLICIES, rules_of
from ledger import statements
from ledger.failures import KINDS
from ledger.models import Event
from patches.models import Fact
from tests.builders import make_source
from tests.flying import deliver, deliver_all, fly, open_flights, runs, silence, standing, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]


@pytest.fixture
def source(settings):
    settings.OPEN_FLIGHTS = 1
    return make_source()


def policy(source, failure: str):
    return rules_of([source.pk])[source.pk].policy(failure)


def test_every_failure_class_has_a_default():
    assert set(POLICIES) == set(KINDS)


def test_a_rule_for_the_connector_stands_before_one_for_all_and_both_before_the_default(source):
    assert policy(source, "transient") == POLICIES["transient"]
    RetryRule.objects.create(kind=source.kind, failure="transient", attempts=2, base_s=1, factor=3, cap_s=9)
    RetryRule.objects.create(failure="transient", attempts=7)
    RetryRule.objects.create(kind="another", failure="timeout", attempts=9)
    found = policy(source, "transient")
    assert (found.attempts, found.base, found.factor, found.cap) == (2, timedelta(seconds=1), 3, timedelta(seconds=9))
    assert policy(make_source(kind="imap"), "transient").attempts == 7
    assert policy(source, "timeout") == POLICIES["timeout"]


def test_a_run_fails_as_often_as_the_rule_allows_and_ends_as_it_says(source):
    RetryRule.objects.create(failure="transient", attempts=2, then="failed")
    deliver(source, far="is AWAY")
    work_off()
    assert runs(source) == [("retry_wait", "remote_unavailable")]
    IngestRun.objects.update(next_attempt_at="2026-01-01T00:00Z")
    work_off()
    assert runs(source) == [("failed", "remote_unavailable")]
    assert standing(source) == {"far": ("failed", "remote_unavailable")}
    assert not Quarantine.objects.exists()


def test_the_rules_delay_is_the_bound_of_the_wait(source):
    RetryRule.objects.create(failure="transient", attempts=9, base_s=100_000, cap_s=200_000)
    deliver_all(source, {f"{n}.md": f"{n} AWAY" for n in range(40)})
    work_off()
    waits = statements.rows("SELECT extract(epoch FROM next_attempt_at - since)::float FROM ingestion_ingestrun")
    assert max(wait for (wait,) in waits) <= 100_000
    assert max(wait for (wait,) in waits) > 3_600  # the default's longest
    assert len({round(wait) for (wait,) in waits}) > 30  # each its own


def test_editing_a_rule_leaves_what_waits_at_its_time(source):
    deliver(source, far="is AWAY")
    work_off()
    [before] = IngestRun.objects.values_list("next_attempt_at", flat=True)
    rule = RetryRule.objects.create(failure="transient", attempts=1)
    RetryRule.objects.filter(pk=rule.pk).update(base_s=1, cap_s=1)
    assert list(IngestRun.objects.values_list("next_attempt_at", "status")) == [(before, "retry_wait")]


def test_the_rule_for_crashes_says_how_many_are_poison(source):
    RetryRule.objects.create(failure="crash", attempts=1)
    deliver(source, one="text")
    dispatch.tick()
    [flight] = open_flights()
    silence(flight)
    recovery.sweep()
    assert runs(source) == [("quarantined", "poison")]
    cause = Quarantine.objects.get()
    assert (cause.failure, cause.stage, len(cause.fingerprint)) == ("crash", "fetch", 16)


def test_rules_are_read_once_for_a_flight_and_not_at_all_when_nothing_failed(settings, statement_count):
    settings.OPEN_FLIGHTS = 1
    counts = []
    for texts in (["fine 1"], ["one BUG"], ["1 BUG", "2 BUG", "3 BUG", "4 BUG"]):
        deliver_all(make_source(), {f"{n}.md": text for n, text in enumerate(texts)})
        dispatch.tick()
        [flight] = open_flights()
        fly(flight, until="embed")
        statement_count()
        advance(flight.pk, "embed", worker="w")
        counts.append(statement_count())
        fly(Flight.objects.get(pk=flight.pk))
        IngestRun.objects.filter(status="retry_wait").update(next_attempt_at="2036-01-01T00:00Z")
    fine, one, many = counts
    assert one == many
    assert one <= fine + 1


def test_a_refused_key_pauses_the_source_and_its_runs_go_on_once_it_is_resumed(source, models):
    deliver(source, shut="it is LOCKED", open="a fine text")
    work_off()
    assert runs(source) == [("pending", "key_refused")] * 2
    source.refresh_from_db()
    assert source.paused
    assert "does not accept our key" in source.paused_why
    deliver(source, later="another text")
    assert dispatch.tick() == 0
    models.embed = Hashing().embed
    resume(Source.objects.all(), by="ann")
    work_off()
    assert {status for status, _ in standing(source).values()} == {"ingested"}
    assert list(IngestRun.objects.values_list("attempts", flat=True)) == [0, 0, 0]
    assert Event.objects.filter(lifecycle="source").count() == 2
    assert audit() == []


def test_what_the_source_has_no_more_is_retired_with_what_it_taught(source):
    deliver(source, note="led_by: Acme > Ann [2011..]")
    work_off()
    assert Fact.objects.filter(sys__upper_inf=True).count() == 1
    deliver(source, note="it is EXPUNGED")
    work_off()
    assert runs(source) == [("completed", "applied"), ("cancelled", "vanished")]
    assert Reference.objects.get().gone_at is not None
    recovery.sweep()
    assert not Fact.objects.filter(sys__upper_inf=True).exists()
    assert audit() == []


GOOD = {"kind": "", "failure": "transient", "attempts": 3, "base_s": 1, "factor": 2, "cap_s": 60, "then": "failed"}
BAD = {
    "there is no such failure": {"failure": "sorrow"},
    "attempts": {"attempts": 0},
    "Attempts must be": {"attempts": 101},
    "factor from 1 to 10": {"factor": 0.5},
    "longer than the longest": {"base_s": 61},
    "seven days": {"cap_s": 8 * 24 * 3600},
    "negative": {"base_s": -1},
    "not one of": {"then": "completed"},
}


@pytest.mark.parametrize("says", BAD)
def test_a_rule_that_makes_no_sense_is_refused_by_the_form_and_by_the_database(says):
    given = GOOD | BAD[says]
    form = modelform_factory(RetryRule, fields="__all__")(data=given)
    assert not form.is_valid()
    with pytest.raises(IntegrityError), transaction.atomic():
        RetryRule.objects.create(**given)


def test_a_second_rule_for_the_same_is_refused_with_a_sentence():
    RetryRule.objects.create(**GOOD)
    form = modelform_factory(RetryRule, fields="__all__")(data=GOOD)
    assert "There is a rule for this connector" in str(form.errors)
    with pytest.raises(ValidationError, match="seven days"):
        RetryRule(**GOOD | {"kind": "x", "cap_s": 10**9}).validate_constraints()
