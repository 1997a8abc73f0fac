"""What verbs say of two named things: "Acme bought Beta Ltd in 2016". One row of RELATIONS is one pattern."""

from collections.abc import Iterator
from dataclasses import dataclass

from spacy.tokens import Token

from ingestion.ports import Claim, Mention, Period

from .parsed import Parsed, children, objects, subjects
from .vocabulary import BODIES, OFFICES, words

AGENT, PATIENT = "agent", "patient"


@dataclass(frozen=True)
class Relation:
    """`subject` and `object` name a side (agent, patient, prepositions like "in|at") and its types."""

    predicate: str
    verbs: frozenset[str]
    subject: str
    subject_types: tuple[str, ...]
    object: str
    object_types: tuple[str, ...]
    aspect: str


def _row(predicate: str, verbs: str, subject: str, object_: str, aspect: str) -> Relation:
    """Write a pattern as `side:type,type`."""
    (side, types), (other, others) = subject.split(":"), object_.split(":")
    return Relation(predicate, words(verbs), side, tuple(types.split(",")), other, tuple(others.split(",")), aspect)


RELATIONS = (
    _row("works_for", "joined joins", "agent:person", "patient:organization", "start"),
    _row("works_for", "hired hires recruited employs employed", "patient:person", "agent:organization", "start"),
    _row("works_for", "works worked working", "agent:person", "for|at|with:organization", "state"),
    _row("works_for", "left leaves", "agent:person", "patient:organization", "end"),
    _row("works_for", "resigned retired retires", "agent:person", "from:organization", "end"),
    _row("member_of", "joined joins", "agent:person,organization", "patient:organization", "start"),
    _row("member_of", "elected appointed co-opted", "patient:person", "to:organization", "start"),
    _row("member_of", "sits serves sat served", "agent:person", "on:organization", "state"),
    _row("led_by", "led leads headed heads runs ran", "patient:organization", "agent:person", "state"),
    _row("led_by", "chairs chaired directs directed manages managed", "patient:organization", "agent:person", "state"),
    _row("founded_by", "founded established", "patient:organization", "agent:person", "timeless"),
    _row("owned_by", "owned owns own", "patient:organization", "agent:organization,person", "state"),
    _row("acquired_by", "acquired acquires bought buys", "patient:organization", "agent:organization", "start"),
    _row("located_in", "based headquartered", "patient:organization", "in|at:place", "state"),
    _row("located_in", "located situated", "patient:organization,place", "in|at|on:place", "state"),
    _row("located_in", "moved moves relocated", "agent:organization,person", "to:place", "start"),
    _row("located_in", "lives live lived resides resided", "agent:person", "in|at:place", "state"),
)  # fmt: skip
FOUNDING = words("founded established formed")


def relation_claims(sentence: Parsed) -> Iterator[Claim]:
    for verb in sentence.doc:
        for relation in RELATIONS:
            if verb.lower_ in relation.verbs:
                yield from _claims(sentence, relation, verb)
        if verb.lower_ in FOUNDING:
            yield from _founded_on(sentence, verb)


def _claims(sentence: Parsed, relation: Relation, verb: Token) -> Iterator[Claim]:
    timeless = relation.aspect == "timeless"
    period = Period() if timeless else sentence.period((verb,), _aspect(relation, verb))
    for subject in _side(sentence, verb, relation.subject, relation.subject_types):
        for object_ in _side(sentence, verb, relation.object, relation.object_types):
            if subject.name != object_.name and _fits(relation, verb, subject, object_):
                yield from sentence.tell(relation.predicate, subject, object_, verb, period)


def _fits(relation: Relation, verb: Token, subject: Mention, object_: Mention) -> bool:
    """Tell joining a firm from joining a body, and moving house from moving something else."""
    if verb.lower_ in ("joined", "joins"):
        body = object_.name.split()[-1].lower() in BODIES and not objects(verb, "as")
        return relation.predicate == ("member_of" if body or subject.type == "organization" else "works_for")
    if relation.object == "to" and relation.predicate == "located_in":
        moved = objects(verb)
        return not moved or all(thing.lower_ in OFFICES for thing in moved)
    return True


def _founded_on(sentence: Parsed, verb: Token) -> Iterator[Claim]:
    days = sentence.days((verb,))
    if len(days) == 1:
        for organization in _side(sentence, verb, PATIENT, ("organization",)):
            yield from sentence.tell("founded_on", organization, (days[0], "date"), verb, Period())


def _side(sentence: Parsed, verb: Token, side: str, types: tuple[str, ...]) -> list[Mention]:
    if side == AGENT:
        tokens = objects(verb, "by") if _is_passive(verb) else subjects(verb)
    elif side == PATIENT:
        tokens = _patients(verb)
    else:
        tokens = objects(verb, *side.split("|"))
    named = [t for token in tokens for t in ([token] if token.i in sentence.things else children(token, "appos"))]
    return [mention for token in named if (mention := sentence.thing(token, *types))]


def _is_passive(verb: Token) -> bool:
    return bool(children(verb, "auxpass", "nsubjpass", "agent")) or (verb.dep_ == "acl" and not children(verb, "dobj"))


def _patients(verb: Token) -> list[Token]:
    if not _is_passive(verb):
        return objects(verb) or (objects(verb.head) if verb.dep_ == "conj" else [])  # "joined Acme and left in 2019"
    return [verb.head] if verb.dep_ == "acl" else subjects(verb, "nsubjpass")


def _aspect(relation: Relation, verb: Token) -> str:
    if relation.aspect != "state" or verb.dep_ == "acl":
        return relation.aspect
    helpers = {child.lower_ for child in children(verb, "aux", "auxpass")}
    if helpers & {"has", "have", "'ve", "is", "are"}:
        return "state"
    past = bool(helpers & {"was", "were", "had"}) or verb.lower_.endswith("ed") or verb.lower_ in {"led", "ran", "sat"}
    return "past" if past else "state"
