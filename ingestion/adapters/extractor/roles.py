"""Who holds which role: "Ann Lee, director of Acme", "Acme appointed Ann Lee head of sales"."""

from collections.abc import Iterator
from dataclasses import dataclass

from spacy.tokens import Token

from ingestion.ports import Claim, Mention, Period

from .parsed import Parsed, children, objects, subjects
from .vocabulary import (
    APPOINT,
    BE,
    BECOME,
    FORMER,
    FOUNDER,
    LEADS,
    MEMBER,
    PASSING,
    PRESENT_BE,
    ROLES,
    SERVE,
    STAY,
    STEP_DOWN,
    SUBSIDIARY,
    TAKE_UP,
)

OWNERS = ("organization", "place")
ROLE_WORDS = ROLES | FOUNDER | {MEMBER, SUBSIDIARY}
BELONGING = {MEMBER, SUBSIDIARY}  # said of organisations too, and no role of a person


@dataclass(frozen=True)
class Role:
    """A role's words, and whose it is; `name` is "director", `owner` the organisation or place it is a role in."""

    token: Token
    name: str
    link: str
    owner: Mention | None


@dataclass(frozen=True)
class Holding:
    """Somebody holds a role: what says so (`clause`), what its time hangs on (`nodes`), and how (`aspect`)."""

    person: Token
    clause: Token
    nodes: tuple[Token, ...]
    aspect: str
    apposed: bool = False


def role_text(role: str, owner: str, link: str = "of") -> str:
    """Write a role the same way wherever it was read: "director of Acme"."""
    return f"{role} {link} {owner}" if owner and owner.lower() not in role.lower() else role


def role_claims(sentence: Parsed) -> Iterator[Claim]:
    for token in sentence.doc:
        if token.lower_ not in ROLE_WORDS:
            continue
        role = _role(sentence, token)
        if role:
            for holding in _holdings(sentence, role):
                yield from _claims(sentence, role, holding)


def _claims(sentence: Parsed, role: Role, holding: Holding) -> Iterator[Claim]:
    person = sentence.thing(holding.person, "person", *(("organization",) if role.token.lower_ in BELONGING else ()))
    if not person:
        return
    owner = role.owner or _appointer(sentence, holding.clause)
    period = sentence.period(holding.nodes, holding.aspect)
    if owner and owner.type == "organization":
        for predicate, subject, object_ in _within(role, owner, person):
            when = Period() if predicate == "founded_by" else period
            yield from sentence.tell(predicate, subject, object_, holding.clause, when, apposed=holding.apposed)
    if role.token.lower_ in BELONGING or role.name in FOUNDER:
        return
    # Beside a name, "master" is as often a branch of a repository, and "Solar Designer" a name of its own.
    if owner or not holding.apposed or (" " in role.name and role.token.text.islower()):
        written = role_text(role.name, owner.name if owner else "", role.link)
        yield from sentence.tell("has_role", person, (written, "text"), holding.clause, period, apposed=holding.apposed)


def _within(role: Role, owner: Mention, person: Mention) -> Iterator[tuple[str, Mention, Mention]]:
    """Yield what a role in an organisation says besides the role itself."""
    if role.name == MEMBER:
        yield "member_of", person, owner
    elif role.token.lower_ == SUBSIDIARY and person.type == "organization":
        yield "owned_by", person, owner
    elif role.name in FOUNDER:
        yield "founded_by", owner, person
    if role.name in LEADS:
        yield "led_by", owner, person
    if role.link in ("at", "for", "with"):
        yield "works_for", person, owner


def _appointer(sentence: Parsed, clause: Token) -> Mention | None:
    """Return whose role it is when the verb says so: "Acme appointed ...", "... joined Acme as ..."."""
    if clause.lower_ in APPOINT:
        sides = [*subjects(clause), *objects(clause, "by")]
        sides += [o for side in sides for o in objects(side, "of")]  # "the board of Acme appointed ..."
    elif clause.lower_ in ("joined", "joins"):
        sides = objects(clause)
    else:
        sides = []
    return next((m for side in sides if (m := sentence.thing(side, "organization"))), None)


def _role(sentence: Parsed, token: Token) -> Role | None:
    """Read the noun phrase around a role noun; None for former and future holders, and if it cannot be told whose."""
    if any(child.lower_ in FORMER | APPOINT for child in token.lefts):
        return None
    words = [
        word.lower_
        for child in token.lefts
        if child.dep_ in ("compound", "amod", "nmod") and child.i not in sentence.things
        for word in child.subtree
        if word.dep_ != "punct" and word.lower_ not in PASSING
    ]
    name = " ".join([*words, token.lower_])
    owner = next((m for child in token.lefts if (m := sentence.thing(child, *OWNERS))), None)
    if owner:
        return Role(token, name, "of", owner)
    if any(child.lower_ == "whose" for child in children(token, "poss")) and token.head.dep_ == "relcl":
        return Role(token, name, "of", sentence.thing(token.head.head, *OWNERS))
    shared = token.head if token.dep_ == "conj" and token.head.lower_ in ROLE_WORDS else token  # "founder and head of"
    for prep in [*children(token, "prep"), *(p for p in children(shared, "prep") if p.i > token.i)]:
        target = next(iter(children(prep, "pobj")), None)
        if target is None or prep.lower_ not in ("of", "at", "for", "with", "in"):
            continue
        if owner := sentence.thing(target, *OWNERS):
            return Role(token, name, prep.lower_, owner)
        if prep.lower_ == "of":
            return _role_in_a_field(sentence, token, name, target)
    return Role(token, name, "of", None)


def _role_in_a_field(sentence: Parsed, token: Token, name: str, target: Token) -> Role | None:
    """Read "operations at Acme" after "director of"; a capital that no mention covers is a name that was missed."""
    words = [t.text for t in target.lefts if t.dep_ in ("compound", "amod")]
    field = " ".join([*words, target.text])
    if target.i in sentence.things or not field.islower():
        return None
    deeper = (sentence.thing(o, *OWNERS) for prep in children(target, "prep") for o in children(prep, "pobj"))
    return Role(token, f"{name} of {field}", "at", next((m for m in deeper if m), None))


def _holdings(sentence: Parsed, role: Role) -> Iterator[Holding]:
    token = role.token
    while token.dep_ == "conj" and token.head.lower_ in ROLES | FOUNDER:
        token = token.head
    yield from _beside(sentence, role, token)
    verb = token.head
    if token.dep_ in ("attr", "oprd", "dobj", "xcomp", "ccomp", "acomp"):
        yield from _by_verb(role, token, verb)
    elif token.dep_ == "pobj" and verb.lower_ == "as":
        yield from _as(role, verb.head)
    elif token.dep_ == "nsubj" and verb.lower_ in BE:
        for person in children(verb, "attr"):
            yield Holding(person, verb, (verb, role.token), "state" if verb.lower_ in PRESENT_BE else "past")


def _beside(sentence: Parsed, role: Role, token: Token) -> Iterator[Holding]:
    """Names next to the role: "Ann Lee, director of Acme", "Acme director Ann Lee"."""
    if token.dep_ in ("appos", "compound", "nmod") and sentence.thing(token.head, "person"):
        yield Holding(token.head, token, (role.token, token, token.head), "state", apposed=True)
    for child in children(token, "appos"):
        if sentence.thing(child, "person"):
            yield Holding(child, token, (role.token, token, child), "state", apposed=True)


def _by_verb(role: Role, token: Token, verb: Token) -> Iterator[Holding]:
    nodes = (verb, token, role.token)
    if verb.lower_ in APPOINT:
        for person in subjects(verb, "nsubjpass") or children(verb, "dobj", "dative"):
            if person is not token:
                yield Holding(person, verb, nodes, "start")
        for person in children(token, "compound", "nsubj"):  # "appointed Ann Lee director" reads as one phrase
            yield Holding(person, verb, nodes, "start")
    elif verb.lower_ in BECOME | BE | STAY:
        aspect = "start" if verb.lower_ in BECOME else _aspect(verb)
        for person in subjects(verb):
            yield Holding(person, verb, nodes, aspect)


def _as(role: Role, verb: Token) -> Iterator[Holding]:
    nodes = (verb, role.token)
    if verb.lower_ in APPOINT:
        for person in subjects(verb, "nsubjpass") or children(verb, "dobj", "oprd"):
            yield Holding(person, verb, nodes, "start")
    elif verb.lower_ in TAKE_UP | STEP_DOWN | SERVE:
        aspect = "start" if verb.lower_ in TAKE_UP else "end" if verb.lower_ in STEP_DOWN else _aspect(verb)
        for person in subjects(verb):
            yield Holding(person, verb, nodes, aspect)


def _aspect(verb: Token) -> str:
    """Return "past" for what is over, "state" for what holds or has held until now."""
    helpers = {child.lower_ for child in children(verb, "aux", "auxpass")}
    if helpers & {"has", "have", "'ve"}:
        return "state"
    return (
        "past"
        if helpers & {"was", "were", "had"} or verb.lower_.endswith("ed") or verb.lower_ in {"was", "were"}
        else "state"
    )
