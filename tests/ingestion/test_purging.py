"""What is purged leaves nothing behind, harms nobody else, and does not come back by itself."""

import pytest
from django.db import connection, transaction

from handoffs import payloads
from handoffs.intake import Arrival, receive
from handoffs.models import Payload, Reference, Source, reference_id
from ingestion import dispatch
from ingestion.auditing import audit
from ingestion.erasing import erase_page
from ingestion.models import Flight, IngestRun, Memo, StageOutput
from ingestion.operating import requeue
from ingestion.purging import finish, lift, plan, proof, purge, purge_source
from ingestion.recovery import sweep
from ingestion.sync import sync
from ledger.failures import Transient
from ledger.models import Event
from patches.models import Fact, Passage, PatchBatch
from tests.builders import make_source
from tests.flying import deliver, deliver_all, fly, hash_of, open_flights, standing, work_off
from tests.patches.test_revert import holds

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

ANN, BOB = "led_by: Acme > Ann [2011..]", "led_by: Acme > Bob [2016..]"
PRIVATE = "led_by: Zweihundert Inc > Quentin Xylander [2014..]\n\nHis number is 555-0199-zz.\n"
WORDS = ("zweihundert", "quentin", "xylander", "555-0199", "letter-to-q")


def of(source, *names: str):
    return Reference.objects.filter(pk__in=[reference_id(source.pk, name) for name in names])


def forget(source, *names: str):
    return purge(of(source, *names), by="ann", reason="they asked for it")


def everything() -> dict[str, str]:
    """Every table as text, all its columns; and every stored file."""
    with connection.cursor() as cursor:
        found = {}
        for table in {*connection.introspection.table_names(cursor)} - {"listing"}:  # a sync's own, gone with it
            cursor.execute(f'SELECT coalesce(string_agg(t::text, chr(10)), $$$$) FROM "{table}" t')  # noqa: S608
            found[table] = cursor.fetchone()[0].lower()
    return found


def said_in(words=WORDS) -> dict[str, list[str]]:
    return {table: there for table, text in everything().items() if (there := [word for word in words if word in text])}


def stored(text: str) -> bool:
    return payloads.store().exists(payloads.path_of(hash_of(text)))


@pytest.fixture
def source(settings):
    settings.OPEN_FLIGHTS = 1  # so that all that waits goes in one
    return make_source()


@pytest.fixture
def told(source):
    deliver_all(source, {"a.md": ANN, "letter-to-q.md": PRIVATE, "b.md": BOB})
    Reference.objects.filter(external_id__startswith="letter").update(metadata={"to": "Quentin"})
    work_off()
    assert {"handoffs_reference", "patches_patch", "patches_passage", "patches_assertion", "patches_fact"} <= {
        *said_in()
    }
    return source


def test_no_word_of_it_is_left_in_any_table_or_file(told):
    done = forget(told, "letter-to-q.md")

    assert said_in() == {}
    assert not stored(PRIVATE)
    assert (done.references, done.batches, done.payloads, done.late) == (1, 1, 1, 0)
    assert done.passages >= 1
    assert done.fact_versions >= 1
    assert done.memos >= 1
    assert not any(proof(of(told, "letter-to-q.md")).values())
    assert audit(deep=True) == []


def test_what_others_say_is_as_if_it_had_never_been(told):
    deliver(told, c="led_by: Acme > Zed [2014..]")
    work_off()
    forget(told, "c", "letter-to-q.md")

    untold = make_source()
    deliver_all(untold, {"a.md": ANN, "b.md": BOB})
    work_off()

    assert {row[1:] for row in holds(told.reflection)} == {row[1:] for row in holds(untold.reflection)}
    assert stored(ANN)
    assert Passage.objects.filter(reflection=told.reflection, live=True).count() == 2


def test_the_audit_trail_says_who_and_why_and_nothing_private(told):
    batch = PatchBatch.objects.get(content_hash=hash_of(PRIVATE))
    forget(told, "letter-to-q.md")

    [noted] = Event.objects.filter(lifecycle="source", row_id=told.pk, reason="purged")
    assert (noted.by, noted.note) == ("ann", "1 items: they asked for it")
    assert Event.objects.filter(lifecycle="batch", row_id=batch.pk, became="purged").exists()
    tombstone = of(told, "letter-to-q.md").get()
    assert (tombstone.external_id, tombstone.metadata) == (f"purged:{tombstone.pk}", {})


def test_bytes_and_batch_that_a_live_item_shares_stay(source):
    deliver_all(source, {"one.md": PRIVATE, "two.md": PRIVATE})
    work_off()

    done = forget(source, "one.md")

    assert (done.batches_shared, done.payloads_shared) == (1, 1)
    assert stored(PRIVATE)
    assert Fact.objects.filter(object_text="Quentin Xylander", sys__upper_inf=True).exists()
    assert audit(deep=True) == []
    assert not any(proof(of(source, "one.md")).values())

    forget(source, "two.md")
    assert said_in() == {}
    assert not stored(PRIVATE)


def test_bytes_that_another_source_shares_stay(source):
    other = make_source()
    for one in (source, other):
        deliver_all(one, {"letter.md": PRIVATE})
    work_off()

    forget(source, "letter.md")

    assert stored(PRIVATE)
    assert not Fact.objects.filter(reflection=source.reflection).exists()
    assert Fact.objects.filter(reflection=other.reflection, sys__upper_inf=True).exists()
    assert audit(deep=True) == []


def test_earlier_versions_of_the_item_go_with_it(source):
    for text in (PRIVATE, ANN):
        deliver_all(source, {"letter-to-q.md": text})
        work_off()

    forget(source, "letter-to-q.md")

    assert said_in((*WORDS, "acme")) == {}
    assert not stored(ANN)
    assert not stored(PRIVATE)


@pytest.mark.parametrize("stage", ["chunk", "entity", "fact", "eval", "apply"])
def test_a_run_aboard_writes_nothing_any_more(source, stage, at):
    """Purged while a worker has it between its two transactions; the other one aboard goes on."""
    deliver_all(source, {"a.md": ANN, "letter-to-q.md": PRIVATE})
    dispatch.tick()
    [flight] = open_flights()
    at(f"{stage}.boarded", lambda: forget(source, "letter-to-q.md"))

    fly(flight)
    work_off()

    assert said_in() == {}
    assert standing(source)["a.md"] == ("ingested", "applied")
    assert audit(deep=True) == []


def test_a_flight_with_nobody_else_aboard_ends(source):
    deliver_all(source, {"letter-to-q.md": PRIVATE})
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="embed")

    forget(source, "letter-to-q.md")

    assert Flight.objects.get().status == "landed"
    assert set(IngestRun.objects.values_list("status", "reason")) == {("cancelled", "purged")}
    assert StageOutput.objects.count() == 0
    assert audit() == []


def test_what_waits_for_a_person_or_sits_in_quarantine_goes_too(source):
    deliver_all(source, {"letter-to-q.md": f"BUG {PRIVATE}"})
    work_off()
    IngestRun.objects.filter(status="retry_wait").update(next_attempt_at="2026-01-01T00:00Z")

    forget(source, "letter-to-q.md")

    assert said_in() == {}
    assert audit() == []


def test_a_memo_that_a_run_under_way_needs_stays(source):
    deliver_all(source, {"letter-to-q.md": PRIVATE})
    work_off()
    other = make_source()
    deliver_all(other, {"same.md": PRIVATE})
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="eval")

    assert forget(source, "letter-to-q.md").memos == 0

    fly(Flight.objects.get(pk=flight.pk))
    assert standing(other)["same.md"] == ("ingested", "applied")
    forget(other, "same.md")
    assert Memo.objects.count() == 0


def test_it_does_not_come_in_again_nor_under_a_new_name(told):
    forget(told, "letter-to-q.md")

    deliver_all(told, {"letter-to-q.md": PRIVATE, "renamed.md": PRIVATE, "letter-to-q.md ": "other words"})
    work_off()

    assert said_in(WORDS[:4]) == {}
    assert not stored(PRIVATE)
    assert of(told, "renamed.md").get().purged_at
    assert audit(deep=True) == []


def test_changed_bytes_of_a_purged_item_are_not_kept_either(told):
    forget(told, "letter-to-q.md")
    deliver_all(told, {"letter-to-q.md": "xylander again"})
    work_off()
    assert said_in() == {}
    assert not stored("xylander again")


def test_requeueing_it_is_refused(told):
    forget(told, "letter-to-q.md")
    answer = requeue(of(told, "letter-to-q.md").get().handoffs.all(), by="bob")
    assert answer.counts()["done"] == {}


def test_another_source_may_bring_the_same_bytes(told):
    forget(told, "letter-to-q.md")
    other = make_source()
    deliver_all(other, {"letter.md": PRIVATE})
    work_off()
    assert standing(other)["letter.md"] == ("ingested", "applied")
    assert Payload.objects.get(payload_hash=hash_of(PRIVATE)).erased_at is None


def test_lifted_it_comes_in_again_under_its_name(told):
    forget(told, "letter-to-q.md")

    assert lift(of(told, "letter-to-q.md"), by="ann", reason="a mistake") == 1
    deliver_all(told, {"letter-to-q.md": PRIVATE})
    work_off()

    assert standing(told)["letter-to-q.md"] == ("ingested", "applied")
    assert Fact.objects.filter(object_text="Quentin Xylander", sys__upper_inf=True).exists()
    assert audit(deep=True) == []


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "docs").mkdir()
    return tmp_path / "docs"


def test_a_sync_does_not_even_read_it(folder):
    (folder / "letter-to-q.md").write_text(PRIVATE)
    (folder / "a.md").write_text(ANN)
    source = make_source(options={"root": str(folder)})
    sync(source)
    work_off()
    forget(source, "letter-to-q.md")

    report = sync(source)

    assert (report.listed, report.new, report.skipped, report.gone) == (2, 0, {"purged": 1}, 0)
    assert said_in(WORDS[:4]) == {}
    assert not stored(PRIVATE)


def test_a_purged_source_is_paused_and_lifting_lists_it_anew(folder):
    (folder / "letter-to-q.md").write_text(PRIVATE)
    source = make_source(options={"root": str(folder)}, cursor={"since": "letter-to-q"})
    sync(source)
    work_off()

    purge_source(source, by="ann", reason="it is over")

    assert said_in() == {}
    source = Source.objects.get(pk=source.pk)
    assert (source.paused, source.paused_why, source.cursor) == (True, "purged", {})
    assert lift(Reference.objects.filter(source=source), by="ann", reason="a mistake") == 1
    assert sync(source).reopened == 1


def test_killed_anywhere_it_is_brought_to_its_end_by_the_sweep(told, at):
    class Killed(BaseException):
        pass

    def die():
        raise Killed

    for point in ("purge.barred.after_commit", "purge.before_commit"):
        at(point, die)
        with pytest.raises(Killed):
            forget(told, "letter-to-q.md")
        assert of(told, "letter-to-q.md").get().erased_at is None

    assert sweep().repaired["purges_unfinished"] == 1
    assert said_in() == {}
    assert not stored(PRIVATE)
    assert audit(deep=True) == []
    assert sweep().repaired["purges_unfinished"] == 0


def test_done_again_it_finds_nothing(told):
    forget(told, "letter-to-q.md")
    assert forget(told, "letter-to-q.md").references == 0
    assert finish(by="x").references == 0


def test_the_plan_counts_what_there_is_and_changes_nothing(told):
    before = everything()
    counts = plan(of(told, "letter-to-q.md"))
    assert everything() == before
    assert counts["items"] == counts["batches"] == counts["payloads"] == counts["carriers"] == 1
    assert counts["facts_that_nobody_else_says"] >= 1


def test_a_page_costs_the_same_number_of_statements(source, statement_count):
    counts = []
    for size in (2, 12):
        deliver_all(source, {f"{size}-{n}": f"led_by: Org{size} > Person {n} [20{10 + n}..]" for n in range(size)})
        work_off()
        rows = Reference.objects.filter(source=source, external_id__startswith=f"{size}-")
        with transaction.atomic():
            ids = list(rows.values_list("pk", flat=True))
            Reference.objects.filter(pk__in=ids).update(gone_at="2026-01-01T00:00Z", purged_at="2026-01-01T00:00Z")
            statement_count()
            assert erase_page(by="ann").references == size
            counts.append(statement_count())
    assert counts[0] == counts[1]


def test_who_took_in_the_bytes_while_they_were_erased_is_told(told):
    """The bytes were found in the store and not written again; then the purge deleted them."""
    other = make_source()
    payload_hash = payloads.put(PRIVATE.encode())
    forget(told, "letter-to-q.md")

    with transaction.atomic():
        taken = receive(other, [Arrival("x", "1", len(PRIVATE), payload_hash)])
        with pytest.raises(Transient):
            payloads.confirm(taken.stored)


@pytest.mark.django_db(transaction=True)
def test_who_takes_in_the_bytes_first_keeps_them(source, elsewhere):
    deliver_all(source, {"letter-to-q.md": PRIVATE})
    work_off()
    other = make_source()
    with transaction.atomic():
        taken = receive(other, [Arrival("x", "1", len(PRIVATE), payloads.put(PRIVATE.encode()))])
        payloads.confirm(taken.stored)
        waiting = elsewhere(forget, source, "letter-to-q.md")
        assert not waiting.done()

    assert waiting.result(timeout=5).payloads_shared == 1
    assert stored(PRIVATE)
    work_off()
    assert standing(other)["x"] == ("ingested", "applied")


@pytest.mark.django_db(transaction=True)
def test_who_claims_the_content_first_keeps_the_batch(source, elsewhere, at):
    deliver_all(source, {"one.md": PRIVATE})
    work_off()
    deliver_all(source, {"two.md": PRIVATE})
    dispatch.tick()
    waits = []
    at("fetch.before_commit", lambda: waits.append(elsewhere(forget, source, "one.md")))

    for flight in open_flights():
        fly(flight)

    assert waits[0].result(timeout=5).batches_shared == 1
    assert Fact.objects.filter(object_text="Quentin Xylander", sys__upper_inf=True).exists()
    assert audit(deep=True) == []
