"""The store as it would be with a batch in it: which facts would open, which would close. Nothing is written.

A shadow is built from what the store holds in the slots that a flight touches, and goes along with the flight: what was
approved before in the same flight is there for the next batch.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from patches.asserting import knowledge
from patches.names import slot_of
from patches.rules import Vocabulary
from patches.timeline import EARLIEST, LATEST, Held, timeline

Aliases = Mapping[UUID, tuple[UUID, str, str]]  # an entity → whom it counts as: id, key and name


@dataclass(frozen=True)
class Told:
    """One live assertion: whose, how trusted its source is, and what it says of its slot."""

    batch_id: int
    trust: int
    held: Held


@dataclass(frozen=True)
class Slot:
    """What a slot holds: its live assertions, and the facts that they amount to."""

    subject: str
    predicate: str
    cardinality: str
    live: tuple[Told, ...] = ()
    facts: frozenset[Held] = frozenset()


@dataclass(frozen=True)
class Line:
    """A fact as a person reads it."""

    subject: str
    predicate: str
    held: Held


@dataclass(frozen=True)
class Change:
    """What a batch would do to the facts.

    `closed` are versions that end, `lost` those of them whose statement does not hold any more for all of its time.
    `merged` are claims of what is known already: they become evidence. `outranked` are claims, by number, that would
    take away what a more trusted source says.
    """

    opened: Sequence[Line] = ()
    closed: Sequence[Line] = ()
    lost: Sequence[Line] = ()
    merged: frozenset[int] = frozenset()
    outranked: Mapping[int, str] = field(default_factory=dict)
    slots: Mapping[UUID, Slot] = field(default_factory=dict)
    leaving: frozenset[int] = frozenset()


NOTHING = Change()


@dataclass
class Shadow:
    """`carriers` are the references that hold each batch which the flight's references carry now."""

    reflection_id: int
    slots: dict[UUID, Slot] = field(default_factory=dict)
    carriers: dict[int, set[UUID]] = field(default_factory=dict)
    aliases: Aliases = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.carried = {reference: batch for batch, by in self.carriers.items() for reference in by}
        self.said_by: dict[int, set[UUID]] = defaultdict(set)
        for slot, state in self.slots.items():
            for one in state.live:
                self.said_by[one.batch_id].add(slot)

    def change(
        self,
        batch_id: int,
        claims: Sequence[tuple[int, Mapping[str, Any]]],
        vocabulary: Vocabulary,
        *,
        references: frozenset[UUID] = frozenset(),
        trust: int = 1,
    ) -> Change:
        """Say what would change if the references carried the batch, with these claims (patch number, payload).

        A batch that no other reference carries goes when its last one takes up this batch.
        """
        carried = {self.carried[reference] for reference in references & self.carried.keys()} - {batch_id}
        leaving = frozenset(old for old in carried if self.carriers[old] <= references)
        told = self._told(batch_id, claims, vocabulary, trust)
        found = Changing(leaving)
        for slot in sorted({*told, *(slot for old in leaving for slot in self.said_by[old])}):
            found.look(slot, self.slots.get(slot), told.get(slot))
        return found.done()

    def accept(self, batch_id: int, change: Change, references: frozenset[UUID] = frozenset()) -> None:
        """Take the change for granted from now on."""
        self.slots.update(change.slots)
        self.said_by[batch_id] |= change.slots.keys()
        for reference in references:
            self.carriers.get(self.carried.get(reference, 0), set()).discard(reference)
            self.carried[reference] = batch_id
            self.carriers.setdefault(batch_id, set()).add(reference)

    def _told(
        self, batch_id: int, claims: Sequence[tuple[int, Mapping[str, Any]]], vocabulary: Vocabulary, trust: int
    ) -> "dict[UUID, New]":
        """What the claims say of each slot."""
        _, assertions = knowledge(self.reflection_id, [(batch_id, claims, vocabulary)])
        subjects = {n: claim["subject"] for n, claim in claims}
        found: dict[UUID, New] = {}
        for row in assertions:
            slot, held = placed(self.reflection_id, row, self.aliases)
            new = found.setdefault(slot, New(Slot(subjects[row["n"]], row["predicate"], row["cardinality"])))
            new.told[row["n"]] = Told(batch_id, trust, held)
        return found


@dataclass
class New:
    """What a batch says of one slot: its claims by patch number."""

    slot: Slot
    told: dict[int, Told] = field(default_factory=dict)


@dataclass
class Changing:
    """A change in the making, slot by slot."""

    leaving: frozenset[int]
    opened: list[Line] = field(default_factory=list)
    closed: list[Line] = field(default_factory=list)
    lost: list[Line] = field(default_factory=list)
    merged: set[int] = field(default_factory=set)
    outranked: dict[int, str] = field(default_factory=dict)
    slots: dict[UUID, Slot] = field(default_factory=dict)

    def look(self, slot: UUID, before: Slot | None, new: New | None) -> None:
        state = before or (new.slot if new else None)
        if state is None:
            return
        told = new.told if new else {}
        stays = tuple(one for one in state.live if one.batch_id not in self.leaving)
        live = (*stays, *told.values())
        facts = frozenset(timeline([one.held for one in live], state.cardinality))
        closed, opened = state.facts - facts, facts - state.facts
        lost = [held for held in closed if not any(covers(other, held) for other in facts)]
        self.opened += lines(state, opened)
        self.closed += lines(state, closed)
        self.lost += lines(state, lost)
        self.slots[slot] = replace(state, live=live, facts=facts)
        known = {one.held.object_key for one in stays}
        for n, one in told.items():
            if one.held.object_key in known:
                self.merged.add(n)
            known.add(one.held.object_key)
        self._outranked(told, stays, lost)

    def _outranked(self, told: Mapping[int, Told], stays: Sequence[Told], lost: Sequence[Held]) -> None:
        for held in lost:
            rank = max((one.trust for one in stays if one.held.object_key == held.object_key), default=-1)
            for n, one in told.items():
                if one.trust < rank:
                    self.outranked[n] = f"would end {held.object_text}, which a more trusted source says"

    def done(self) -> Change:
        return Change(
            self.opened,
            self.closed,
            self.lost,
            frozenset(self.merged),
            self.outranked,
            self.slots,
            self.leaving,
        )


def placed(reflection_id: int, row: Mapping[str, Any], aliases: Aliases) -> tuple[UUID, Held]:
    """Where an assertion would count, and as what: by whom the entities that it names count as."""
    subject, object_ = row["subject_id"], row["object_entity"]
    counts_as = aliases.get(subject)
    key, text = row["object_key"], row["object_text"]
    if object_ in aliases:
        object_, key, text = aliases[object_]
    many = row["cardinality"] != "single"
    slot = slot_of(reflection_id, counts_as[0] if counts_as else subject, row["predicate"], key if many else None)
    entity = str(object_) if object_ else None
    return slot, Held(row["valid_from"], row["valid_to"], key, text, entity, row["precision"], row["basis"])


def lines(slot: Slot, facts: Iterable[Held]) -> list[Line]:
    ordered = sorted(facts, key=lambda held: (held.start or EARLIEST, held.end or LATEST, held.object_key))
    return [Line(slot.subject, slot.predicate, held) for held in ordered]


def covers(one: Held, other: Held) -> bool:
    """Whether `one` says the same as `other` for at least as long."""
    return (
        one.object_key == other.object_key
        and (one.start or EARLIEST) <= (other.start or EARLIEST)
        and (one.end or LATEST) >= (other.end or LATEST)
    )


def standing(rows: Iterable[tuple[Any, ...]]) -> tuple[dict[UUID, Slot], dict[int, set[UUID]]]:
    """The slots and the carriers out of the rows that sql/shadow.sql answers."""
    slots: dict[UUID, Slot] = {}
    live: dict[UUID, list[Told]] = defaultdict(list)
    facts: dict[UUID, set[Held]] = defaultdict(set)
    carriers: dict[int, set[UUID]] = defaultdict(set)
    for kind, slot, batch_id, reference, trust, subject, predicate, cardinality, *held in rows:
        if slot is None:
            if kind == "carrier":
                carriers[batch_id].add(reference)
            continue
        slots.setdefault(slot, Slot(subject, predicate, cardinality))
        if kind == "assertion":
            live[slot].append(Told(batch_id, trust, Held(*held)))
        else:
            facts[slot].add(Held(*held))
    found = {
        slot: replace(state, live=tuple(live[slot]), facts=frozenset(facts[slot])) for slot, state in slots.items()
    }
    return found, dict(carriers)
