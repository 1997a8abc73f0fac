"""Any order of arrivals, messages, crashes, failures and operators' deeds leads to the same knowledge.

A machine takes steps at random on the real database and looks after each whether the ledger is sound. In the end the
harm stops: then everything comes to its outcome, and the store holds what an undisturbed one would hold.
"""

import hashlib
import sys
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, ClassVar, TypeVar

import pytest
from django.db.models import F, Model, QuerySet
from django.test import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from handoffs.models import Handoff, Reference, Reflection, Source
from ingestion import dispatch, operating, recovery, releasing
from ingestion.heartbeat import BEAT
from ingestion.lifecycles import ACTIVE
from ingestion.models import Flight, IngestRun, RetryRule
from ingestion.stages import ORDER
from ingestion.sync import sync
from ledger import statements
from patches.export import export
from tests.builders import make_source
from tests.properties.invariants import Watch
from tests.properties.surroundings import Ailing, Shelf, Surroundings, Work

T = TypeVar("T")
M = TypeVar("M", bound=Model)

SUITE = profile(
    max_examples=30, stateful_step_count=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
SHELVES = ("left", "right")
NAMES = ("a.md", "b.md", "c.md")
ROUNDS = 40
# Contents by what they are: what they say collides. The twin differs from `first` in its bytes alone.
CONTENTS = {
    "first": "# First\n\nled_by: Acme > Ann [2011..2014]\nmember_of: Ann > Acme [2011..]\n",
    "second": "# Second\n\nled_by: Acme > Bob [2013..]\nworks_for: Bob > Acme [2013..]\n",
    "third": "---\ndate: 2012-05\n---\n# Third\n\nled_by: Acme > Ann [2012..2016]\nmember_of: Ann > Acme\n",
    "twin": "# First\r\n\r\nled_by: Acme > Ann [2011..2014]\r\nmember_of: Ann > Acme [2011..]\r\n",
    "refused": "# Refused\n\n" + "led_by!: Acme > Eve\n" * 4,
    "unreadable": " ",
}
WORDS = ("First", "Second", "Third")
ATTEMPTS = {"transient": 2, "unexpected": 1, "crash": 2}  # few, so that quarantine is soon reached
GONE, TOUCHED = "gone", "touched"
LIKELY = ("first", "second", "third", "twin", *CONTENTS)
OUTCOMES = {"refused": {"rejected"}, "unreadable": {"failed"}}
APPLIED = {"ingested", "skipped"}
PASSES = """
UPDATE ingestion_ingestrun SET next_attempt_at = next_attempt_at - interval '2 h' WHERE next_attempt_at IS NOT NULL;
UPDATE handoffs_handoff SET since = since - interval '2 h';
UPDATE patches_uncarriedbatch SET since = since - interval '2 h';
UPDATE ingestion_turn SET not_before = not_before - interval '2 h', next_slot = next_slot - interval '2 h'
"""
EXPIRE = "UPDATE ingestion_flight SET lease_until = now() - interval '1 s' WHERE status = 'open'"
CLEAN = """
TRUNCATE handoffs_reflection, handoffs_payload, ingestion_memo, ingestion_retryrule, ledger_event
RESTART IDENTITY CASCADE
"""

which = st.integers(0, 3)


def pick(from_: Sequence[T], n: int) -> T:
    """The latest for 0, and so backwards: what shrinks to 0 is what was done last."""
    return from_[-1 - n % len(from_)]


def one(of: QuerySet[M], n: int) -> QuerySet[M]:
    ids = list(of.values_list("pk", flat=True))
    return of.filter(pk=pick(ids, n)) if ids else of.none()


class Store:
    """A reflection with a source for each shelf."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.reflection = Reflection.objects.create(name=name)
        for shelf in SHELVES:
            Shelf.shelves[f"{name}/{shelf}"] = {}
            make_source(reflection=self.reflection, name=shelf, kind="shelf", options={"shelf": f"{name}/{shelf}"})

    def sources(self) -> QuerySet[Source]:
        return Source.objects.filter(reflection=self.reflection).order_by("pk")

    def references(self) -> QuerySet[Reference]:
        return Reference.objects.filter(source__reflection=self.reflection).order_by("source", "external_id")

    def runs(self, *statuses: str) -> QuerySet[IngestRun]:
        return IngestRun.objects.filter(reflection=self.reflection, status__in=statuses).order_by("pk")

    def handoffs(self) -> QuerySet[Handoff]:
        return Handoff.objects.filter(source__reflection=self.reflection).order_by("pk")

    def shelf(self, name: str) -> dict[str, tuple[str, bytes]]:
        return Shelf.shelves[f"{self.name}/{name}"]

    def sync(self) -> None:
        for source in self.sources():
            sync(source, accept_deletions=True)


def pause(store: Store, n: int) -> None:
    operating.pause(one(store.sources(), n), "to see", by="ann")


def resume(store: Store, n: int) -> None:
    operating.resume(one(store.sources(), n), by="ann")


def cancel(store: Store, n: int) -> None:
    operating.cancel(one(store.runs("pending", "running", "retry_wait", "quarantined"), n), by="ann")


def cancel_handoff(store: Store, n: int) -> None:
    operating.cancel_handoffs(one(store.handoffs(), n), by="ann")


def release(store: Store, n: int) -> None:
    releasing.release(store.runs("quarantined"), by="ann", probe=bool(n % 2))


def requeue(store: Store, n: int) -> None:
    operating.requeue(one(store.handoffs(), n), by="ann")


def reprocess(store: Store, n: int) -> None:
    operating.reprocess(store.references(), by="ann", force=bool(n % 2))


def upgrade(store: Store, n: int) -> None:
    """Deploy a newer recipe while no run is half-way: one that is needs the memos of the recipe that it began with."""
    if not store.runs(*ACTIVE, "quarantined").exclude(stage=ORDER[0]).exists():
        LedgerMachine.around.upgrade()
        reprocess(store, n)


DEEDS = (pause, resume, resume, cancel, cancel_handoff, release, release, requeue, reprocess, upgrade)


class LedgerMachine(RuleBasedStateMachine):
    around: ClassVar[Surroundings]

    def __init__(self) -> None:
        super().__init__()
        self.around.begin_anew()
        statements.run(CLEAN)
        RetryRule.objects.bulk_create(RetryRule(failure=kind, attempts=n) for kind, n in ATTEMPTS.items())
        self.store = Store("disturbed")
        self.version = count(1)
        self.holds: dict[tuple[str, str], str] = {}  # what lies on the shelves, by name
        self.watch = Watch()

    # What comes in

    @initialize(
        first=st.lists(st.sampled_from(LIKELY), min_size=3, max_size=3),
        ails=st.fixed_dictionaries({word: st.sampled_from(["well", "well", "away", "bug"]) for word in WORDS}),
    )
    def begin(self, first: list[str], ails: dict[str, str]) -> None:
        for word, how in ails.items():
            self.ail(word, how)
        self.change(SHELVES[0], dict(zip(NAMES, first, strict=True)))
        self.change(SHELVES[1], {NAMES[0]: first[0]})

    @rule(
        shelf=st.sampled_from(SHELVES),
        changes=st.dictionaries(
            st.sampled_from(NAMES), st.sampled_from([*LIKELY, GONE, TOUCHED]), min_size=1, max_size=3
        ),
    )
    def change(self, shelf: str, changes: dict[str, str]) -> None:
        items = self.store.shelf(shelf)
        for name, what in changes.items():
            if what == GONE:
                items.pop(name, None)
                self.holds.pop((shelf, name), None)
            elif what != TOUCHED or name in items:
                kind = self.holds[shelf, name] if what == TOUCHED else what
                items[name] = (f"v{next(self.version)}", CONTENTS[kind].encode())
                self.holds[shelf, name] = kind
        sync(self.store.sources().get(name=shelf), accept_deletions=True)
        dispatch.tick()

    # Who works

    @rule()
    def dispatch(self) -> None:
        dispatch.tick()

    @precondition(lambda self: self.around.posted)
    @rule(n=which, stages=st.integers(1, 4))
    def deliver(self, n: int, stages: int) -> None:
        for _ in range(stages):
            before = len(self.around.posted)
            self.around.deliver(self.around.posted.pop(-1 - n % before))
            if len(self.around.posted) < before:
                return
            n = 0

    @precondition(lambda self: self.around.posted)
    @rule(n=which)
    def lose(self, n: int) -> None:
        self.around.posted.remove(pick(self.around.posted, n))

    @precondition(lambda self: self.around.delivered)
    @rule(n=which, stage=st.sampled_from([None, *ORDER]))
    def deliver_again(self, n: int, stage: str | None) -> None:
        """A message comes twice, or names a stage out of turn: it is heeded if the flight waits for just that."""
        flight_id, told = pick(self.around.delivered, n)
        flight = Flight.objects.get(pk=flight_id)
        waits = (flight.status, flight.worker, flight.stage) == ("open", "", stage or told)
        self.around.deliver((flight_id, stage or told))
        assert waits or Flight.objects.get(pk=flight_id).fence == flight.fence

    @precondition(lambda self: self.around.posted)
    @rule(n=which)
    def freeze(self, n: int) -> None:
        message = pick(self.around.posted, n)
        self.around.posted.remove(message)
        self.around.deliver(message, freeze=True)

    @precondition(lambda self: self.around.frozen)
    @rule(n=which, then=st.sampled_from(["settles", "beats", "dies"]))
    def go_on(self, n: int, then: str) -> None:
        frozen = pick(self.around.frozen, n)
        if then == "settles":
            self.settle(frozen)
        elif then == "beats":
            statements.run(BEAT, {"flight": frozen[0].flight_id, "fence": frozen[0].fence, "lease": 60})
        else:
            self.around.frozen.remove(frozen)

    @precondition(lambda self: self.around.works)
    @rule(n=which)
    def settle_again(self, n: int) -> None:
        """A worker did not hear that it was done, while its flight goes on."""
        aloft = set(Flight.objects.filter(status="open").values_list("pk", flat=True))
        self.settle(pick([work for work in self.around.works if work[0].flight_id in aloft] or self.around.works, n))

    def settle(self, work: Work) -> None:
        hold = work[0]
        holds = Flight.objects.filter(pk=hold.flight_id, status="open", fence=hold.fence).exists()
        assert self.around.settle(work) <= holds, "a worker wrote without its lease"

    # What time does, and what fails

    @rule(passed=st.sampled_from([[EXPIRE], [EXPIRE, PASSES], [PASSES], []]), swept=st.booleans())
    def wait(self, passed: list[str], swept: bool) -> None:
        for passing in passed:
            statements.run(passing)
        if swept:
            assert not recovery.sweep().failed

    @rule(word=st.sampled_from(WORDS), how=st.sampled_from(["away", "bug", "well"]))
    def ail(self, word: str, how: str) -> None:
        Ailing.ails[word] = how

    # What operators do

    @rule(deed=st.sampled_from(DEEDS), n=which)
    def operate(self, deed: Callable[[Store, int], object], n: int) -> None:
        deed(self.store, n)

    # What must be true

    @invariant()
    def sound(self) -> None:
        self.watch.look()

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:
            self.heal()
            self.sound()
            self.compare()

    def heal(self) -> None:
        """The harm stops, and operators take care of what waits for them."""
        Ailing.ails.clear()
        operating.resume(self.store.sources(), by="ann")
        for frozen in list(self.around.frozen):
            self.around.settle(frozen)
        self.store.sync()
        self.settle_down()
        ended = self.store.handoffs().filter(payload=F("reference__seen_payload"))
        operating.requeue(ended.filter(status__in=["cancelled", "failed"]), by="ann", probe=False)
        self.settle_down()
        operating.reprocess(self.store.references(), by="ann")
        self.settle_down()

    @override_settings(FLIGHT_RUNS=50)
    def settle_down(self) -> None:
        for _ in range(ROUNDS):
            while self.around.posted:
                self.around.deliver(self.around.posted.pop())
            statements.run(f"{PASSES}; {EXPIRE}")
            if not recovery.sweep().total() + dispatch.tick() + len(self.around.posted):
                return
        pytest.fail(f"still at work after {ROUNDS} rounds")

    def compare(self) -> None:
        """Each item has the outcome that its content deserves, and the store holds what an undisturbed one does."""
        carried = {}
        for reference in self.store.references().select_related("source", "carrier"):
            where = (reference.source.name, reference.external_id)
            kind = self.holds.get(where)
            outcome = Handoff.objects.get(reference=reference, payload=reference.seen_payload)
            if kind:
                assert outcome.status in OUTCOMES.get(kind, APPLIED), (where, kind, outcome.status, outcome.reason)
            else:
                assert outcome.status not in ("pending", "held", "queued", "ingesting")
            if kind and kind not in OUTCOMES:
                assert reference.applied_payload_id == reference.seen_payload_id
            if hasattr(reference, "carrier"):
                assert kind, f"{where} is gone and says something"
                carried[where] = reference.applied_payload_id
            else:
                assert kind in (None, *OUTCOMES), f"{where} says nothing"
        fresh = Store("undisturbed")
        data = {hashlib.sha256(text).hexdigest(): text for text in (c.encode() for c in CONTENTS.values())}
        for (shelf, name), payload in carried.items():
            fresh.shelf(shelf)[name] = ("v1", data[payload])
        fresh.sync()
        self.settle_down()
        assert list(export(self.store.reflection)) == list(export(fresh.reflection))


@pytest.mark.django_db(transaction=True)
def test_whatever_happens_on_the_way_the_knowledge_is_that_of_an_undisturbed_store(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.EMBEDDINGS = settings.EXTRACTOR = "ailing"
    settings.STORAGES = {**settings.STORAGES, "payloads": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
    settings.FLIGHT_RUNS, settings.OPEN_FLIGHTS = 2, 3
    around = Surroundings(monkeypatch)
    statements.run("SET synchronous_commit = off")
    monkeypatch.setattr(LedgerMachine, "around", around, raising=False)
    try:
        long = profile.get_current_profile_name() == "long"
        run_state_machine_as_test(LedgerMachine, settings=profile.default if long else SUITE)
    finally:
        monkeypatch.undo()
        around.forget()
