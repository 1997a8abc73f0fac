"""Whom entities count as: a pure function of the live words on them, and what follows for their assertions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from ledger import statements
from patches.names import slot_of
from patches.sql import statement

Word = tuple[UUID, UUID | None]  # an entity, and the one it is the same as; None: itself alone


@dataclass(frozen=True)
class Place:
    """Things said alike that count in one slot: the slot, what was said, and by what it counts."""

    reflection: int
    was: UUID
    subject: UUID
    predicate: str
    cardinality: str
    key: str | None
    object: UUID | None
    counts_subject: UUID
    counts_key: str | None

    @cached_property
    def slot(self) -> UUID:
        """Where they should count."""
        return slot_of(self.reflection, self.counts_subject, self.predicate, self.counts_key)


def canonical(words: Sequence[Word]) -> dict[UUID, UUID]:
    """Whom each entity counts as that counts as another; the later word comes later.

    The last word on an entity is the one that counts. One that would close a circle says nothing new.
    """
    last: dict[UUID, UUID | None] = {}
    for entity, same_as in words:
        last.pop(entity, None)  # to its place among the last words
        last[entity] = same_as
    leads: dict[UUID, UUID] = {}
    for entity, same_as in last.items():
        if same_as is not None and (end := _end(leads, same_as)) != entity:
            leads[entity] = end
    return {entity: _end(leads, entity) for entity in leads}


def _end(leads: dict[UUID, UUID], entity: UUID) -> UUID:
    """Whom the entity leads to in the end. The way there gets shorter for whoever comes after."""
    way = []
    while entity in leads:
        way.append(entity)
        entity = leads[entity]
    leads.update(dict.fromkeys(way, entity))
    return entity


@dataclass(frozen=True)
class Standing:
    """Whom entities count as (with the row that says so), and whom they should by the words that live."""

    now: Mapping[UUID, tuple[int, UUID]]
    due: Mapping[UUID, UUID]

    def differ(self) -> set[UUID]:
        counted = {entity: counts_as for entity, (_, counts_as) in self.now.items()}
        return {entity for entity in counted.keys() | self.due.keys() if counted.get(entity) != self.due.get(entity)}


def standing(entities: Collection[UUID]) -> Standing:
    """Of the entities and of all that they are connected with. One statement."""
    words: list[Word] = []
    now = {}
    for entity, told, same_as, alias, counts_as in statements.rows(statement("words"), {"entities": sorted(entities)}):
        if told:
            words.append((entity, same_as))
        if alias is not None:
            now[entity] = (alias, counts_as)
    return Standing(now, canonical(words))


def identify(entities: Collection[UUID], *, reflection_id: int, seq: int) -> set[UUID]:
    """Bring the aliases in line with the words that live now; return the slots to be recomputed.

    One statement, three more where someone counts as somebody else now. Needs the reflection's lock and a transaction.
    """
    found = standing(entities)
    changed = found.differ()
    if not changed:
        return set()
    begins = sorted(changed & found.due.keys())
    statements.run(
        statement("rename"),
        {
            "seq": seq,
            "close": [found.now[entity][0] for entity in changed & found.now.keys()],
            "entities": begins,
            "canonicals": [found.due[entity] for entity in begins],
        },
    )
    return place(reflection_id, entities=changed)


def place(
    reflection_id: int,
    *,
    entities: Collection[UUID] = (),
    batches: Sequence[int] = (),
    predicate: str | None = None,
) -> set[UUID]:
    """Let assertions count in the slots of whom they are of now: all of the entities, the batches or the predicate.

    Returns every slot that they counted in or count in. Two statements. Needs the reflection's lock and a transaction.
    """
    found = _places(reflection_id, entities=entities, batches=batches, predicate=predicate)
    moves = [one for one in found if one.was != one.slot]
    if moves:
        statements.run(
            statement("place"),
            {
                "was": [one.was for one in moves],
                "slots": [one.slot for one in moves],
                "subjects": [one.subject for one in moves],
                "predicates": [one.predicate for one in moves],
                "keys": [one.key for one in moves],
                "objects": [one.object for one in moves],
            },
        )
    return {one.was for one in found} | {one.slot for one in found}


def misplaced(batches: Sequence[int]) -> list[UUID]:
    """The slots in which assertions of the batches count that should count in others; none in a sound store."""
    return sorted({one.was for one in _places(None, batches=batches) if one.was != one.slot})


def _places(
    reflection_id: int | None,
    *,
    entities: Collection[UUID] = (),
    batches: Sequence[int] = (),
    predicate: str | None = None,
) -> list[Place]:
    which = {
        "reflection": reflection_id,
        "entities": sorted(entities),
        "batches": list(batches),
        "predicate": predicate,
    }
    return [Place(*row) for row in statements.rows(statement("places"), which)]
