"""From the claims of a batch to the rows that assert them: whom they are of, in which slot, and when they hold."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from patches.names import entity_id, slot_of
from patches.rules import Vocabulary
from patches.timeline import instants

VALUES = ("text", "date")  # objects of these types are plain values, not entities

# A batch's id, its claims as (patch number, payload), and the words that they are made of.
Claimed = tuple[int, Sequence[tuple[int, Mapping[str, Any]]], Vocabulary]


def knowledge(reflection_id: int, batches: Iterable[Claimed]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the entities that the batches name, each once, and their assertions: rows as sql/put.sql reads them."""
    entities: dict[UUID, dict[str, Any]] = {}
    assertions = []

    def entity(type_: str, key: str, name: str) -> UUID:
        id_ = entity_id(reflection_id, type_, key)
        entities.setdefault(id_, {"id": id_, "type": type_, "key": key, "name": name})
        return id_

    for batch_id, claims, vocabulary in batches:
        for n, claim in claims:
            subject = entity(claim["subject_type"], claim["subject_key"], claim["subject"])
            is_value = claim["object_type"] in VALUES
            cardinality = vocabulary[claim["predicate"]].cardinality
            many = cardinality != "single"
            assertions.append(
                {
                    "batch_id": batch_id,
                    "n": n,
                    "slot": slot_of(reflection_id, subject, claim["predicate"], claim["object_key"] if many else None),
                    "subject_id": subject,
                    "predicate": claim["predicate"],
                    "cardinality": cardinality,
                    "object_entity": None
                    if is_value
                    else entity(claim["object_type"], claim["object_key"], claim["object"]),
                    "object_text": claim["object"],
                    "object_key": claim["object_key"],
                    "quote": claim["quote"],
                    "start": claim["start"],
                    "end": claim["end"],
                    **_validity(claim, cardinality),
                }
            )
    return sorted(entities.values(), key=lambda row: str(row["id"])), assertions


def _validity(claim: Mapping[str, Any], cardinality: str) -> dict[str, Any]:
    """What the text states; else from the document's own date on; else unknown.

    An event lasts as long as the date that is stated of it, and a document of some day may tell of any day before.
    """
    event = cardinality == "event"
    start, end, precision = instants(claim["from"], claim["to"] or (claim["from"] if event else None))
    basis = "stated" if start or end else "unknown"
    if basis == "unknown" and claim["dated"] and claim["object_type"] != "date" and not event:
        start, _, precision = instants(claim["dated"], None)
        basis = "document"
    return {"valid_from": start, "valid_to": end, "precision": precision, "basis": basis}
