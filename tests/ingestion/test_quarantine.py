"""Runs that wait for a person: what is kept of them, how they are told apart, how they go back to work."""

import pytest
from django.db.models import Q

from handoffs.models import Handoff, Reference
from ingestion import dispatch, recovery, tracebacks
from ingestion.adapters.embeddings.hashing import Hashing
from ingestion.auditing import audit
from ingestion.flights import advance
from ingestion.models import IngestRun, Quarantine, RetryRule
from ingestion.quarantine import Cause, discard, groups
from ingestion.releasing import release
from ledger import statements
from ledger.models import Event
from tests.builders import make_source
from tests.flying import deliver, deliver_all, open_flights, remove, runs, standing, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]


@pytest.fixture
def source(settings):
    settings.OPEN_FLIGHTS = 1
    for failure in ("unexpected", "transient"):
        RetryRule.objects.create(failure=failure, attempts=1)  # what fails is quarantined at once
    return make_source()


def cure(models) -> None:
    models.embed = Hashing().embed


def quarantined(source, *texts: str) -> list[int]:
    deliver_all(source, {f"{n}.md": text for n, text in enumerate(texts)})
    work_off()
    return list(
        IngestRun.objects.filter(source=source, status="quarantined").order_by("pk").values_list("pk", flat=True)
    )


def rows(*ids: int):
    return IngestRun.objects.filter(pk__in=ids) if ids else IngestRun.objects.all()


def statuses() -> list[str]:
    return list(IngestRun.objects.order_by("pk").values_list("status", flat=True))


def test_what_failed_the_same_way_is_one_group(source):
    quarantined(source, "a BUG", "another BUG", "far AWAY")
    bug, away = groups(rows())
    assert (bug.runs, bug.stage, bug.failure, bug.reason) == (2, "embed", "unexpected", "unexpected")
    assert (bug.exception, bug.kind) == ("RuntimeError", "local_files")
    assert (away.runs, away.failure, away.reason, away.exception) == (1, "transient", "remote_unavailable", "")
    assert bug.sample == IngestRun.objects.earliest("pk").pk


TRACE = "  ingestion/stages/embed.py:{line} in process\n    {code}\n  ~/numpy/x.py:{line} in dot\nRuntimeError"


def test_the_fingerprint_outlives_an_edit_elsewhere_in_the_file():
    def one(**changes) -> str:
        trace = TRACE.format(line=changes.pop("line", 10), code=changes.pop("code", "f()"))
        given = {"kind": "k", "stage": "embed", "failure": "unexpected", "reason": "unexpected", "traceback": trace}
        return Cause(1, **given | changes).fingerprint

    assert one() == one(line=99) == one(code="g()")
    others = [one(kind="other"), one(stage="fact"), one(failure="timeout"), one(reason="x")]
    others += [
        one(traceback=TRACE.replace("process", "other")),
        one(traceback=TRACE.replace("RuntimeError", "OSError")),
    ]
    assert len({one(), *others}) == 7


def test_what_is_kept_of_a_bug_has_no_word_of_the_document(source):
    quarantined(source, "a BUG with a secret word")
    kept = Quarantine.objects.get().traceback
    assert "tests/doubles.py" in kept
    assert kept.endswith("RuntimeError")
    assert "it fell over" not in kept.replace('raise RuntimeError("it fell over")', "")
    assert "secret" not in kept
    assert str(source.pk) + "/" not in kept and "/work" not in kept


def test_a_traceback_that_never_ends_is_cut_and_keeps_where_it_was_raised():
    def deeper(n: int) -> None:
        deeper(n + 1) if n < 400 else [][n]

    def chained() -> None:
        try:
            deeper(0)
        except IndexError as cause:
            raise ValueError("content of a document") from cause

    try:
        chained()
    except ValueError as bug:
        kept = tracebacks.redacted(bug)
    assert len(kept) <= tracebacks.MOST_CHARS
    assert tracebacks.exception_of(kept) == "ValueError"
    assert "IndexError" in kept
    assert "out of range" not in kept
    assert tracebacks.own_frames(kept)[-1] == "tests/ingestion/test_quarantine.py:chained"


def test_a_released_run_goes_on_where_it_stood_and_its_handoff_with_it(source, models):
    [run] = quarantined(source, "a BUG")
    cure(models)
    assert release(rows(run), by="ann").done == {"released": [run]}
    [handoff] = Handoff.objects.all()
    assert (handoff.status, handoff.reason, handoff.opened) == ("pending", "released", 2)
    found = IngestRun.objects.get()
    assert (found.status, found.reason, found.stage, found.attempts) == ("pending", "released", "embed", 0)
    work_off()
    assert runs(source) == [("completed", "applied")]
    assert standing(source)["0.md"] == ("ingested", "applied")
    assert Event.objects.filter(reason="released").values_list("lifecycle", "by").order_by("lifecycle")[::1] == [
        ("handoff", "ann"),
        ("run", "ann"),
    ]
    assert audit() == []


def test_one_of_a_kind_goes_first_and_the_others_follow_when_it_did_well(source, models):
    probe, *others = quarantined(source, "1 BUG", "2 BUG", "3 BUG")
    cure(models)
    told = release(rows(), by="ann")
    assert told.done == {"released": [probe], "follows_a_probe": others}
    assert statuses() == ["pending", "quarantined", "quarantined"]
    assert recovery.sweep().repaired["probes_ended"] == 0  # it has not ended yet
    work_off()  # ends with a sweep
    assert statuses() == ["completed", "pending", "pending"]
    assert set(Event.objects.filter(became="pending", reason="released").values_list("by", flat=True)) == {"ann"}
    work_off()
    assert statuses() == ["completed"] * 3
    assert audit() == []


def test_the_others_stay_when_the_probe_comes_back(source):
    probe, *others = quarantined(source, "1 BUG", "2 BUG")
    release(rows(), by="ann")
    work_off()
    assert statuses() == ["quarantined", "quarantined"]
    assert not Quarantine.objects.exclude(follows=None).exists()
    assert Quarantine.objects.get(run=probe).times == 2
    assert Quarantine.objects.get(run=others[0]).times == 1
    assert [group.times for group in groups(rows())] == [2]
    assert audit() == []


def test_who_asks_again_while_a_probe_is_on_its_way_sends_no_second_one(source):
    probe, *others = quarantined(source, "1 BUG", "2 BUG", "3 BUG")
    release(rows(probe, others[0]), by="ann")
    told = release(rows(), by="bob")
    assert told.done == {"follows_a_probe": others}
    assert told.refused == {"not_quarantined": [probe]}
    assert set(Quarantine.objects.filter(run__in=others).values_list("follows", flat=True)) == {probe}


def test_without_a_probe_all_go_at_once(source):
    found = quarantined(source, "1 BUG", "2 BUG")
    assert release(rows(), by="ann", probe=False).done == {"released": found}


def test_a_run_whose_reference_has_moved_on_is_reported_and_left(source, models):
    found = quarantined(source, "1 BUG", "2 BUG", "3 BUG", "4 BUG")
    newer, applied, gone, free = found
    cure(models)
    deliver_all(source, {"1.md": "newer text"})
    work_off()
    deliver_all(source, {"0.md": "newer text"})
    remove(source, "2.md")
    told = release(rows(), by="ann", probe=False)
    assert told.done == {"released": [free]}
    assert told.refused == {
        "newer_handoff": [newer],
        "newer_payload": [applied],
        "reference_gone": [gone],
        "not_quarantined": list(IngestRun.objects.exclude(pk__in=found).values_list("pk", flat=True)),
    }
    work_off()
    assert audit() == []


def test_a_handoff_that_was_opened_again_leaves_its_old_run_in_quarantine(source, models):
    [run] = quarantined(source, "a BUG")
    deliver_all(source, {"0.md": "other text"})
    work_off()
    cure(models)
    deliver_all(source, {"0.md": "a BUG"})
    work_off()
    assert standing(source)["0.md"] == ("ingested", "applied")
    assert release(rows(run), by="ann").refused == {"newer_run": [run]}


def test_runs_of_equal_content_released_together_are_ingested_once(source, models):
    quarantined(source, "the same BUG")
    deliver(source, copy="the same BUG")
    work_off()
    assert statuses() == ["quarantined", "quarantined"]
    cure(models)
    release(rows(), by="ann", probe=False)
    work_off()
    work_off()
    assert sorted(statuses()) == ["completed", "duplicate_skipped"]
    assert audit() == []


def test_a_run_whose_content_was_applied_meanwhile_is_a_duplicate_when_released(source, models):
    [run] = quarantined(source, "the same BUG")
    cure(models)
    deliver(source, copy="the same BUG")
    work_off()
    release(rows(run), by="ann")
    work_off()
    assert statuses() == ["duplicate_skipped", "completed"]
    assert Reference.objects.filter(carrier__isnull=False).count() == 2
    assert audit() == []


@pytest.mark.django_db(transaction=True)
def test_two_operators_release_at_once_and_each_run_moves_once(source, elsewhere, at):
    probe, other = quarantined(source, "1 BUG", "2 BUG")
    second = []
    at("release.before_commit", lambda: second.append(elsewhere(release, rows(), by="second", probe=False)))
    first = release(rows(probe), by="first")
    assert first.done == {"released": [probe]}
    late = second[0].result(timeout=10)
    assert (late.done, late.refused) == ({"released": [other]}, {"not_quarantined": [probe]})
    assert [event.by for event in Event.objects.filter(lifecycle="run", row_id=probe, reason="released")] == ["first"]


@pytest.mark.django_db(transaction=True)
def test_a_newer_payload_that_comes_in_while_a_run_is_released_takes_over(source, elsewhere, at):
    [run] = quarantined(source, "a BUG")
    coming = []
    at("release.before_commit", lambda: coming.append(elsewhere(deliver_all, source, {"0.md": "newer"})))
    assert release(rows(run), by="ann").done == {"released": [run]}
    coming[0].result(timeout=10)
    assert set(Handoff.objects.values_list("status", flat=True)) == {"superseded", "pending"}


@pytest.mark.django_db(transaction=True)
def test_a_content_that_is_being_claimed_while_its_run_is_released_is_claimed_once(source, models, elsewhere, at):
    [run] = quarantined(source, "the same BUG")
    cure(models)
    deliver(source, copy="the same BUG")
    dispatch.tick()
    [flight] = open_flights()
    claiming, waits_at = [], []

    def the_other_claims() -> None:
        claiming.append(elsewhere(advance, flight.pk, "fetch", worker="w"))
        waits_at.extend(statements.rows("SELECT locktype FROM pg_locks WHERE NOT granted"))

    at("release.before_commit", the_other_claims)
    assert release(rows(run), by="ann").done == {"released": [run]}
    claiming[0].result(timeout=10)
    # Not at the unique constraint: whoever runs into that has to land its runs one by one.
    assert waits_at == [("advisory",)]
    assert runs(source) == [("pending", "released"), ("pending", "content_claimed")]
    work_off()
    work_off()
    assert statuses() == ["completed", "duplicate_skipped"]


def test_a_run_that_is_given_up_keeps_the_words(source):
    found = quarantined(source, "1 BUG", "2 BUG")
    release(rows(), by="ann")
    told = discard(rows(found[1]), "a scan that nobody needs", by="bob")
    assert told.done == {"discarded": [found[1]]}
    run = IngestRun.objects.get(pk=found[1])
    assert (run.status, run.reason) == ("failed", "discarded")
    assert (run.quarantine.note, run.quarantine.follows) == ("a scan that nobody needs", None)
    assert discard(rows(*found), "again", by="bob").refused == {"not_quarantined": found}
    work_off()


def test_a_dry_run_says_it_and_does_nothing(source):
    found = quarantined(source, "1 BUG", "2 BUG")
    assert release(rows(), by="ann", dry_run=True).counts()["done"] == {"released": 1, "follows_a_probe": 1}
    assert discard(rows(), "no", by="ann", dry_run=True).counts()["done"] == {"discarded": 2}
    assert statuses() == ["quarantined"] * 2
    assert not Quarantine.objects.filter(Q(follows__isnull=False) | ~Q(note="")).exists()
    assert found


def test_poison_flies_alone_when_it_is_released(source):
    [run] = quarantined(source, "a BUG")
    IngestRun.objects.filter(pk=run).update(failure="crash", crashes=3)
    release(rows(run), by="ann")
    found = IngestRun.objects.get()
    assert (found.alone, found.crashes) == (True, 3)


@pytest.mark.usefixtures("source")
def test_statements_do_not_grow_with_the_number_of_runs(statement_count):
    counts = []
    for size in (2, 30):
        ids = quarantined(make_source(), *(f"{size} BUG {n}" for n in range(size)))
        statement_count()
        release(rows(*ids), by="ann", probe=False)
        counts.append(statement_count())
    assert counts[0] == counts[1] <= 12
