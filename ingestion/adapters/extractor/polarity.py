"""Whether a sentence asserts what a clause in it says, or denies, supposes or only reports it."""

from collections.abc import Iterator

from spacy.tokens import Doc, Token

from .vocabulary import APPOINT, BE, CONDITIONS, DENY, HEDGE_VERBS, HEDGES, LOUD_HEDGES, NEGATIONS, SAY, UNREAL

REPORTS = frozenset({"ccomp", "parataxis"})


def polarity(clause: Token, *, apposed: bool = False) -> str:
    """Return asserted, negated, hedged or reported for what `clause` says.

    What is apposed to a name ("Ann Lee, director of Acme, may resign") keeps its own standing: the verb's
    doubts are not its doubts.
    """
    doc = clause.doc
    path = [clause] if apposed else list(_path(clause))
    if any(_denied(token) for token in path) or any(token.lower_ in DENY for token in clause.ancestors):
        return "negated"
    if _loudly_hedged(doc) or any(_hedged(token) for token in path):
        return "hedged"
    return "reported" if _reported(clause) else "asserted"


def _path(clause: Token) -> Iterator[Token]:
    """Yield the clause and those that it is governed by; a coordinated clause shares the first one's standing."""
    yield clause
    yield from clause.ancestors


def _denied(token: Token) -> bool:
    return any(child.dep_ == "neg" or child.lower_ in NEGATIONS for child in token.children)


def _hedged(token: Token) -> bool:
    children = {child.lower_ for child in token.children if child.dep_ not in ("nsubj", "nsubjpass", "dobj", "pobj")}
    if children & HEDGES or children & CONDITIONS:
        return True
    if _wished(token) or _inverted(token):
        return True
    if token.head is token:
        return False
    governed = token.dep_ in ("xcomp", "ccomp", "oprd", "acl", "advcl")
    if governed and token.head.lower_ in HEDGE_VERBS and token.head.lower_ not in SAY:
        return True
    infinitive = any(child.lower_ == "to" and child.dep_ == "aux" for child in token.children)
    return infinitive and token.head.lower_ not in APPOINT


def _wished(token: Token) -> bool:
    """Whether it is a wish or a resolution: "that she be appointed"."""
    helpers = {child.lower_ for child in token.children if child.dep_ in ("aux", "auxpass")}
    return helpers == {"be"} or (token.lower_ == "be" and not helpers)


def _inverted(token: Token) -> bool:
    """Whether the helper stands before the subject, as in a condition: "had Acme bought Beta"."""
    subject = next((child.i for child in token.children if child.dep_ in ("nsubj", "nsubjpass")), None)
    return subject is not None and any(
        child.dep_ in ("aux", "auxpass") and child.lower_ in ("had", "were", "should") and child.i < subject
        for child in token.children
    )


def _loudly_hedged(doc: Doc) -> bool:
    text = doc.text.lower()
    asked = doc.text.rstrip("\"'\u201d\u2019) ").endswith("?")
    return asked or any(word in text for word in LOUD_HEDGES) or UNREAL.search(text) is not None


def _reported(clause: Token) -> bool:
    chain = [clause, *clause.ancestors]
    if any(token.dep_ in REPORTS and _speaks(token.head) for token in chain):
        return True
    sources = [token for token in clause.doc if token.lower_ == "according"]
    if any(clause not in source.subtree for source in sources):
        return True
    return _quoted(clause)


def _speaks(token: Token) -> bool:
    return token.lower_ in SAY or token.lower_ in HEDGE_VERBS - BE


def _quoted(clause: Token) -> bool:
    before = clause.doc.text[: clause.idx]
    return before.count("“") > before.count("”") or before.count('"') % 2 == 1
