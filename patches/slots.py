"""Bring the facts of the touched slots in line with the assertions that live now."""

import json
from collections import defaultdict
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from ledger import statements
from patches.sql import statement
from patches.timeline import Held, timeline


@dataclass
class Slot:
    subject_id: UUID
    predicate: str
    cardinality: str
    live: list[Held] = field(default_factory=list)
    open: dict[Held, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """A fact that ended or began: what of whom."""

    slot: UUID
    subject_id: UUID
    predicate: str
    held: Held


@dataclass
class Revision:
    """What recomputing slots led to."""

    closed: list[Change] = field(default_factory=list)
    opened: list[Change] = field(default_factory=list)


def revise(reflection_id: int, touched: Collection[UUID], *, seq: int) -> Revision:
    """Recompute the slots; close the versions that differ and open what takes their place, as of `seq`.

    Two statements, whatever the number of slots. Needs the reflection's lock and a transaction.
    """
    done = Revision()
    close: list[int] = []
    for slot, state in _read(touched).items() if touched else ():
        due = dict.fromkeys(timeline(state.live, state.cardinality))
        for held, fact_id in state.open.items():
            if held not in due:
                close.append(fact_id)
                done.closed.append(Change(slot, state.subject_id, state.predicate, held))
        done.opened += [Change(slot, state.subject_id, state.predicate, held) for held in due if held not in state.open]
    if close or done.opened:
        opening = json.dumps([_row(change) for change in done.opened], default=str)
        statements.run(statement("revise"), {"reflection": reflection_id, "seq": seq, "close": close, "open": opening})
    return done


def out_of_line(slots: Collection[UUID]) -> list[UUID]:
    """The slots whose open facts are not what their live assertions amount to; empty for a sound store."""
    return sorted(
        slot for slot, state in _read(slots).items() if {*timeline(state.live, state.cardinality)} != {*state.open}
    )


def _read(touched: Collection[UUID]) -> dict[UUID, Slot]:
    slots: dict[UUID, Slot] = {}
    seen: dict[UUID, list[Held]] = defaultdict(list)
    for slot, fact_id, subject, predicate, cardinality, *held in statements.rows(
        statement("slots"), {"slots": sorted(touched)}
    ):
        state = slots.setdefault(slot, Slot(subject, predicate, cardinality))
        if fact_id is None:
            seen[slot].append(Held(*held))
        else:
            state.open[Held(*held)] = fact_id
    for slot, live in seen.items():
        slots[slot].live = live
    return slots


def _row(change: Change) -> dict[str, Any]:
    row = asdict(change.held)
    row["valid_from"], row["valid_to"] = row.pop("start"), row.pop("end")
    return row | {"slot": change.slot, "subject_id": change.subject_id, "predicate": change.predicate}
