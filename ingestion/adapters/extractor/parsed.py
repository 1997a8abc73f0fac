"""A parsed sentence with each mention merged into one token, and how to walk it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spacy.tokens import Doc, Span, Token

from ingestion.ports import Claim, Mention, Period

from . import dates
from .polarity import polarity

CLAUSES = frozenset({"ROOT", "relcl", "acl", "advcl", "ccomp", "xcomp", "pcomp", "parataxis", "csubj"})
RELATIVES = frozenset({"who", "which", "that", "whom"})


@dataclass(frozen=True)
class Parsed:
    """`things` maps a token's index to the mention it stands for; the sentence starts at `offset` in the passage."""

    doc: Doc
    offset: int
    things: dict[int, Mention]
    moments: tuple[dates.Moment, ...]

    def thing(self, token: Token | None, *types: str) -> Mention | None:
        mention = self.things.get(token.i) if token is not None else None
        return mention if mention and mention.type in types else None

    def period(self, nodes: Sequence[Token], aspect: str) -> Period | None:
        return dates.period((m for m in self.moments if self._belongs(m, nodes)), aspect)

    def days(self, nodes: Sequence[Token]) -> list[str]:
        """Return the dates on which what `nodes` tell happened."""
        return [m.first for m in self.moments if m.kind == "at" and m.first and self._belongs(m, nodes)]

    def tell(
        self,
        predicate: str,
        subject: Mention,
        object_: Mention | tuple[str, str],
        clause: Token,
        period: Period | None,
        *,
        apposed: bool = False,
    ) -> Iterator[Claim]:
        """Yield the claim, its quote being the sentence.

        With `period` None (it is over, and the text says not when) nothing can be asserted, only denied or reported.
        """
        name, kind = object_ if isinstance(object_, tuple) else (object_.name, object_.type)
        standing = polarity(clause, apposed=apposed)
        if period is not None or standing != "asserted":
            yield Claim(
                predicate, subject.name, subject.type, name, kind, self.offset, self.offset + len(self.doc.text),
                period or Period(), standing,
            )  # fmt: skip

    def _belongs(self, moment: dates.Moment, nodes: Sequence[Token]) -> bool:
        """Whether the first clause above the moment's words is one of `nodes`."""
        token = next((t for t in self.doc if t.idx + len(t) > moment.start), None)
        while token is not None:
            if token in nodes:
                return True
            if token.head is token or is_clause(token):
                return False
            token = token.head
        return False


def merged(doc: Doc, offset: int, mentions: Sequence[Mention]) -> Parsed:
    """Merge the mentions that lie within the sentence; the tree keeps each one's head."""
    spans: list[tuple[Span, Mention]] = []
    for mention in mentions:
        span = doc.char_span(mention.start - offset, mention.end - offset, alignment_mode="expand")
        if span is not None and not (spans and span.start < spans[-1][0].end):
            spans.append((span, mention))
    with doc.retokenize() as retokenizer:
        for span, _ in spans:
            retokenizer.merge(span)
    at = {token.idx: token.i for token in doc}
    things = {at[start]: mention for start, mention in ((span.start_char, m) for span, m in spans) if start in at}
    return Parsed(doc, offset, things, tuple(dates.moments(doc.text)))


def is_clause(token: Token) -> bool:
    if token.dep_ in CLAUSES:
        return True
    return token.dep_ == "conj" and any(child.dep_ in ("nsubj", "aux", "auxpass", "dobj") for child in token.children)


def children(token: Token, *deps: str) -> list[Token]:
    return [child for child in token.children if child.dep_ in deps]


def with_conjuncts(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from (t for t in token.conjuncts if t.i > token.i)


def subjects(verb: Token, dep: str = "nsubj") -> list[Token]:
    """Return a verb's subjects; "who" stands for the name before it, a later verb shares the first one's."""
    found = children(verb, dep)
    if found and found[0].lower_ in RELATIVES and verb.dep_ == "relcl":
        return [verb.head]
    if not found and verb.dep_ == "conj":
        return subjects(verb.head, dep)
    return list(with_conjuncts(found))


def objects(verb: Token, *prepositions: str) -> list[Token]:
    """Return the objects of a verb's prepositions, or its direct ones if none is named."""
    if not prepositions:
        return list(with_conjuncts(children(verb, "dobj")))
    heads = [t for t in children(verb, "prep", "agent", "dative", "prt") if t.lower_ in prepositions]
    return list(with_conjuncts([o for head in heads for o in children(head, "pobj")]))
