"""What a sentence says of an organisation in figures: its staff, its revenue, its budget."""

from collections.abc import Iterator, Sequence

from spacy.tokens import Token

from ingestion.ports import Claim, Mention

from . import amounts
from .parsed import Parsed, children, objects, subjects
from .vocabulary import BE, EMPLOY, HAVE_SUM, MANY_PEOPLE, PRESENT_BE, REACH_SUM, SUMS

OWN = HAVE_SUM | EMPLOY
PRESENT = PRESENT_BE | {"has", "have", "employs", "employ"}


def figure_claims(sentence: Parsed) -> Iterator[Claim]:
    for token in sentence.doc:
        if token.lower_ in MANY_PEOPLE:
            yield from _staff(sentence, token)
        elif token.lower_ in SUMS:
            yield from _sum(sentence, token)


def _staff(sentence: Parsed, people: Token) -> Iterator[Claim]:
    """Read "Acme employs 300 people" and "Acme has twelve employees"."""
    verb = people.head
    having = verb.lower_ in ("has", "had") and people.lower_ in ("employees", "workers", "staff")
    if people.dep_ != "dobj" or not (verb.lower_ in EMPLOY or having):
        return
    number = next((amounts.people(_text(n)) for n in children(people, "nummod")), None)
    if number:
        yield from _tell(sentence, "employs", _named(sentence, subjects(verb)), number, (verb, people))


def _sum(sentence: Parsed, noun: Token) -> Iterator[Claim]:
    """Read "Acme reported revenue of £3 million" and "the budget of Acme was £3 million"."""
    verb = noun.head
    stated = [prep for prep in children(noun, "prep") if prep.lower_ == "of" and amounts.money(_text(prep))]
    if noun.dep_ == "dobj" and verb.lower_ in HAVE_SUM and stated:
        owners = _named(sentence, subjects(verb))
        yield from _tell(sentence, SUMS[noun.lower_], owners, amounts.money(_text(stated[0])), (verb, noun, stated[0]))
    elif noun.dep_ == "nsubj" and verb.lower_ in REACH_SUM:
        beside = [*objects(noun, "of", "at"), *children(noun, "poss", "compound", "nmod")]
        said = [child for child in verb.rights if child.dep_ in ("attr", "dobj", "prep", "npadvmod", "acomp")]
        sums = [found for child in said if (found := amounts.money(_text(child)))]
        if len(sums) == 1:
            yield from _tell(sentence, SUMS[noun.lower_], _named(sentence, beside), sums[0], (verb, noun))


def _tell(
    sentence: Parsed, predicate: str, owners: Sequence[Mention], value: str | None, nodes: tuple[Token, ...]
) -> Iterator[Claim]:
    if len(owners) != 1 or value is None:
        return
    verb = nodes[0]
    helped = {child.lower_ for child in children(verb, "aux")}
    present = (
        verb.lower_ in PRESENT or bool(helped & {"does", "do"}) or (verb.lower_.endswith("s") and verb.lower_ not in BE)
    )
    period = sentence.period(nodes, "state" if present else "past")
    yield from sentence.tell(predicate, owners[0], (value, "text"), verb, period)


def _named(sentence: Parsed, tokens: Sequence[Token]) -> list[Mention]:
    return [mention for token in tokens if (mention := sentence.thing(token, "organization"))]


def _text(token: Token) -> str:
    """The words below a token, with the spaces between them."""
    first, last = token.left_edge, token.right_edge
    return token.doc.text[first.idx : last.idx + len(last)]
