"""What nobody allows is not taken in, and what is under way of it stops."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.utils import timezone

from handoffs.models import Grant, Handoff, Source
from ingestion import consenting, dispatch, sync
from ingestion.auditing import audit
from ingestion.ingesting import register
from ingestion.models import IngestRun
from ingestion.planning import plan
from ingestion.recovery import sweep
from ledger.failures import Consent
from ledger.models import Event
from ledger.reasons import Reason
from patches.models import Passage, PatchBatch
from tests.builders import make_source
from tests.flying import deliver, fly, open_flights, work_off
from tests.ingestion.test_commands import said

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(tmp_path):
    (tmp_path / "a.md").write_text("A note.")
    return make_source(options={"root": str(tmp_path)})


def end(source: Source) -> None:
    Grant.objects.filter(source=source).update(expires_at=timezone.now() - timedelta(hours=1))


@pytest.mark.parametrize("how", ["never granted", "revoked", "expired"])
def test_without_consent_nothing_is_listed_and_the_source_says_why(source, how):
    if how == "never granted":
        Grant.objects.all().delete()
    elif how == "revoked":
        Grant.objects.update(revoked_at=timezone.now(), revoked_by="ann")
    else:
        end(source)
    with pytest.raises(Consent):
        sync.sync(source)
    source.refresh_from_db()
    assert source.paused
    assert "allows" in source.paused_why
    assert not Handoff.objects.exists()
    said("consent", "grant", source.pk)
    source.refresh_from_db()
    assert not source.paused
    assert sync.sync(source).new == 1


def test_without_consent_a_source_is_not_even_looked_at(source, tmp_path):
    Grant.objects.all().delete()
    (tmp_path / "a.md").unlink()
    tmp_path.rmdir()  # whoever looks fails in another way
    with pytest.raises(Consent):
        plan(source)
    with pytest.raises(Consent):
        sync.sync(source)


def test_consent_is_asked_for_again_before_anything_is_read(source, monkeypatch):
    listed = sync._note

    def noting(*arguments):
        end(source)
        listed(*arguments)

    monkeypatch.setattr(sync, "_note", noting)
    with pytest.raises(Consent):
        sync.sync(source)
    assert not Handoff.objects.exists()


@pytest.mark.usefixtures("models")
def test_what_is_under_way_stops_at_the_next_stage_and_goes_on_when_it_is_allowed_again():
    source = make_source()
    deliver(source, a="one text")
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="chunk")
    deliver(source, c="it waits")
    told = said("consent", "revoke", source.pk)
    assert (told["done"]["revoked"], told["done"]["held"]) == (1, 1)
    assert Handoff.objects.get(status="held").reason == "no_consent"
    flight.refresh_from_db()
    fly(flight)
    assert set(IngestRun.objects.values_list("status", flat=True)) == {"pending"}
    work_off()
    assert not IngestRun.objects.filter(status="completed").exists()
    assert said("sources", "resume", source.pk, status=1)["refused"] == {"no_consent": 1}
    assert said("consent", "grant", source.pk)["done"]["let_go"] == 1
    work_off()
    assert set(Handoff.objects.values_list("status", flat=True)) == {"ingested"}


def assert_held(source: Source) -> None:
    """Nothing of it was applied, and what there is waits with the reason."""
    assert not Passage.objects.filter(live=True).exists()
    assert not PatchBatch.objects.filter(status="applied").exists()
    assert set(IngestRun.objects.values_list("status", "reason", "attempts")) == {("pending", "no_consent", 0)}
    source.refresh_from_db()
    assert (source.paused, Reason.NO_CONSENT.label in source.paused_why) == (True, True)


def assert_let_go(source: Source) -> None:
    said("consent", "grant", source.pk)
    work_off()
    assert set(Handoff.objects.values_list("status", flat=True)) == {"ingested"}
    assert Passage.objects.filter(live=True).count() == Handoff.objects.count()


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("stage", ["fetch", "fact", "eval", "apply"])
def test_a_consent_that_ends_while_a_stage_works_is_seen_before_anything_is_written(stage, at, settings):
    settings.OPEN_FLIGHTS = 1  # so that all that waits goes in one
    source = make_source()
    deliver(source, a="one text", b="another")
    dispatch.tick()
    [flight] = open_flights()
    at(f"{stage}.boarded", lambda: end(source))
    fly(flight)
    work_off()
    assert_held(source)
    assert audit() == []
    assert_let_go(source)


def test_a_consent_that_ended_is_seen_by_who_boards_before_any_sweep(models):
    source = make_source()
    deliver(source, a="one text")
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="embed")
    end(source)
    flight.refresh_from_db()
    fly(flight)
    assert models.seen == []  # no model was asked
    assert_held(source)
    assert_let_go(source)


@pytest.mark.usefixtures("models")
@pytest.mark.django_db(transaction=True)
def test_a_withdrawal_waits_for_what_is_being_applied_and_then_has_the_last_word(at, elsewhere):
    source = make_source()
    deliver(source, a="one text")
    dispatch.tick()
    [flight] = open_flights()
    waits = []

    def withdraw() -> None:
        waits.append(elsewhere(consenting.revoke, Source.objects.filter(pk=source.pk), by="ann"))
        assert not waits[0].done()

    at("apply.before_commit", withdraw)
    fly(flight)
    assert waits[0].result(timeout=5).of("revoked") == [source.pk]
    assert PatchBatch.objects.get().status == "applied"


@pytest.mark.usefixtures("models")
def test_seeing_that_a_consent_ended_costs_the_same_for_any_number(settings, statement_count, at):
    settings.OPEN_FLIGHTS, settings.FLIGHT_RUNS = 1, 20
    counts = []
    for size in (2, 12):
        source = make_source()
        deliver(source, **{f"n{n}": f"text {size} {n}" for n in range(size)})
        dispatch.tick()
        [flight] = open_flights()
        fly(flight, until="eval")
        at("apply.boarded", lambda source=source: end(source))
        flight.refresh_from_db()
        statement_count()
        fly(flight)
        counts.append(statement_count())
    assert counts[0] == counts[1]


def test_the_sweep_holds_sources_whose_consent_ended(source):
    kept = make_source()
    end(source)
    assert sweep().repaired["consents_over"] == 1
    assert list(Source.objects.filter(paused=True)) == [source]
    assert sweep().repaired["consents_over"] == 0
    assert not kept.paused


def test_who_allowed_what_is_kept(source):
    said("consent", "grant", source.pk, "--scope", "the team's notes", "--for", "90d", "--dry-run")
    assert Grant.objects.count() == 1
    said("consent", "grant", source.pk, "--scope", "the team's notes", "--for", "90d")
    said("consent", "revoke", source.pk)
    assert said("consent", "revoke", source.pk, status=1)["refused"] == {"not_granted": 1}
    last, first = said("consent", "list", source.pk)["grants"]
    assert (last["scope"], last["holds"], bool(last["expires_at"])) == ("the team's notes", False, True)
    assert last["revoked_by"] and first["revoked_by"] and first["granted_by"] == "tests"
    reasons = Event.objects.filter(lifecycle="source", row_id=source.pk).order_by("pk").values_list("reason", flat=True)
    assert list(reasons) == ["consent_granted", "consent_revoked", "no_consent"]


def test_who_withdraws_it_is_told_how_what_was_taught_is_erased(source, capsys):
    call_command("consent", "revoke", str(source.pk))
    assert f"manage.py purge --source {source.pk}" in capsys.readouterr().out


def test_a_source_has_one_open_grant(source):
    with pytest.raises(DatabaseError, match="one_open_grant_per_source"):
        Grant.objects.create(source=source, granted_by="ann")


def test_who_adds_a_folder_allows_it_and_other_sources_are_asked_for(tmp_path):
    register("main", "local_files", "notes", {"root": str(tmp_path)})
    said("sources", "add", "more", "--kind", "local_files", "--option", f"root={tmp_path}")
    plans = ["--kind", "github", "--option", "repository=acme/plans"]
    said("sources", "add", "plans", *plans)
    said("sources", "add", "code", *plans, "--consent")
    allowed = Grant.objects.order_by("source").values_list("source__name", flat=True)
    assert list(allowed) == ["notes", "more", "code"]
