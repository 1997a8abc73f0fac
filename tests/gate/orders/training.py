"""Logistic regression by Newton's method, on the sentences that are written for it and ordinary text that is like them.

What is ordinary is mined: of some hundred thousand pieces those are taken that the last round took for orders.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patches import meaning
from patches.evaluation.orders.likelihood import promise, roots_of
from patches.evaluation.orders.pieces import pieces
from patches.evaluation.orders.signs import NAMES, borne, plain
from tests.gate.orders import examples

RARE = 5  # orders with two signs together, below which the pair is not learned
PAIRS_COST = 3.0  # how much dearer a pair is than a sign
MEANING = 3.0  # how much cheaper a dimension of the meaning is
COST = 1.0
SLIGHT, PASSED = 0.7, 0.03
ROUNDS, TAKEN, DRAWN = 3, 3000, 3000
STEPS, SMALL = 12, 1e-6
MOST_BLOCKED = 0.005  # of the ordinary documents that it was not taught with

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Pieces:
    """Pieces of texts; `of` is the text that each is a piece of, `signs` and `vectors` have a row each."""

    of: NDArray[np.int64]
    signs: NDArray[np.bool_]
    vectors: NDArray[np.float32]
    texts: int

    def best(self, scores: Matrix) -> Matrix:
        """The highest score among the pieces of each text."""
        top = np.full(self.texts, -np.inf)
        np.maximum.at(top, self.of, scores)
        return top


@dataclass(frozen=True)
class Shape:
    """Which pairs of signs are columns of what is learned from."""

    pairs: Sequence[tuple[int, int]]

    def rows(self, of: Pieces) -> Matrix:
        one, other = np.array(self.pairs).T
        on = of.signs.astype(np.float64)
        return np.hstack([np.ones((len(on), 1)), on, on[:, one] * on[:, other], of.vectors * MEANING])

    @property
    def cost(self) -> Matrix:
        cheap = [SMALL] + [1.0] * len(NAMES) + [PAIRS_COST] * len(self.pairs) + [1.0] * meaning.DIM
        return COST * np.array(cheap)


def roots(orders: Sequence[str], others: Sequence[str]) -> dict[str, float]:
    """How much more often orders have words of such a beginning than ordinary text has: the logarithm of the odds."""
    told, usual = (Counter(root for text in texts for root in roots_of(plain(text))) for texts in (orders, others))
    odds = {
        root: log((told[root] + 0.5) / len(orders)) - log((usual[root] + 0.5) / len(others))
        for root in told.keys() | usual.keys()
        if told[root] >= RARE or usual[root] >= RARE * len(others) / len(orders)
    }
    return {root: round(weight, 1) for root, weight in sorted(odds.items()) if abs(weight) > SLIGHT}


def quick(texts: Sequence[str], known: Mapping[str, float]) -> float:
    """What nearly all orders score at a quick look."""
    return round(float(np.quantile([promise(plain(text), known) for text in texts], PASSED)), 1)


def cut(texts: Sequence[str], known: Mapping[str, float], least: float) -> Pieces:
    """The texts in pieces, without those that are not worth a look; equal ones of a text once."""
    found = [
        (n, words)
        for n, text in enumerate(texts)
        for words in dict.fromkeys(plain(piece) for _, piece in pieces(text))
        if promise(words, known) >= least
    ]
    seen = {words: number for number, words in enumerate(dict.fromkeys(words for _, words in found))}
    signs, vectors = np.array([borne(words) for words in seen]), meaning.vectors(list(seen))
    row = [seen[words] for _, words in found]
    return Pieces(np.array([n for n, _ in found]), signs[row], vectors[row], len(texts))


def fit(rows: Matrix, is_order: Matrix, weight: Matrix, cost: Matrix) -> Matrix:
    """The weights that say best which rows are orders, and cost little."""
    learned = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(rows @ learned, -50, 50)))
        slope = rows.T @ (weight * (chance - is_order)) + cost * learned
        curve = (rows.T * (weight * chance * (1 - chance) + SMALL)) @ rows + np.diag(cost)
        step = np.linalg.solve(curve, slope)
        learned -= step
        if np.abs(step).max() < SMALL:
            break
    return learned


class Lesson:
    """Everything that is learned from, cut and measured once."""

    def __init__(self) -> None:
        self.sentences = examples.sentences()
        self.is_order = np.array([one.is_order for one in self.sentences], dtype=np.float64)
        ordinary = examples.ordinary()
        usual = [piece for text in ordinary for _, piece in pieces(text)]
        orders = [one.text for one in self.sentences if one.is_order]
        self.roots = roots(orders, usual)
        self.least = quick(orders, self.roots)
        self.written = cut([one.text for one in self.sentences], self.roots, self.least)
        self.ordinary = cut(ordinary, self.roots, self.least)
        together = Counter(
            pair
            for row in self.written.signs[self.is_order[self.written.of] == 1]
            for pair in combinations(np.flatnonzero(row).tolist(), 2)
        )
        self.shape = Shape(sorted(pair for pair, n in together.items() if n >= RARE))
        self.rows, self.usual = self.shape.rows(self.written), self.shape.rows(self.ordinary)

    def learn(self, written: NDArray[np.bool_], usual: NDArray[np.bool_]) -> Matrix:
        """Learn from those of the pieces that are chosen; `written` and `usual` say which."""
        weight = 1 / np.bincount(self.written.of, minlength=self.written.texts)[self.written.of][written]
        drawn = np.flatnonzero(usual)
        taken = set(np.random.default_rng(1).choice(drawn, min(DRAWN, len(drawn)), replace=False).tolist())
        learned = np.zeros(0)
        for _ in range(ROUNDS):
            if len(learned):
                taken |= set(drawn[np.argsort(-(self.usual[drawn] @ learned))[:TAKEN]].tolist())
            more = self.usual[sorted(taken)]
            learned = fit(
                np.vstack([self.rows[written], more]),
                np.r_[self.is_order[self.written.of][written], np.zeros(len(more))],
                np.r_[weight, np.ones(len(more))],
                self.shape.cost,
            )
        return learned

    def even(self) -> tuple[float, float]:
        """The score that so few ordinary documents reach that are held out, and the share of orders that reach it.

        Both by folds: what is scored was not learned from, nor anything of its family.
        """
        folds = np.array([one.fold for one in self.sentences])[self.written.of]
        fold_of = self.ordinary.of % examples.FOLDS
        told, usual = np.zeros(len(self.rows)), np.zeros(len(self.usual))
        for fold in range(examples.FOLDS):
            learned = self.learn(folds != fold, fold_of != fold)
            told[folds == fold] = self.rows[folds == fold] @ learned
            usual[fold_of == fold] = self.usual[fold_of == fold] @ learned
        even = float(np.quantile(self.ordinary.best(usual), 1 - MOST_BLOCKED))
        return even, float(np.mean(self.written.best(told)[self.is_order == 1] > even))


@cache
def lesson() -> Lesson:
    return Lesson()


def taught() -> dict[str, Any]:
    """The weights as the gate reads them."""
    of = lesson()
    even, caught = of.even()
    learned = of.learn(np.ones(len(of.rows), dtype=np.bool_), np.ones(len(of.usual), dtype=np.bool_))
    bias, signs, rest = learned[0], learned[1 : 1 + len(NAMES)], learned[1 + len(NAMES) :]
    pairs, words = rest[: len(of.shape.pairs)], rest[len(of.shape.pairs) :]
    return {
        "taught_with": examples.digest(),
        "caught_when_held_out": round(caught, 3),
        "roots": of.roots,
        "least": of.least,
        "bias": round(float(bias), 4),
        "even": round(even, 4),
        "signs": {name: round(float(weight), 4) for name, weight in zip(NAMES, signs, strict=True)},
        "pairs": [
            [NAMES[one], NAMES[other], round(float(weight), 4)]
            for (one, other), weight in zip(of.shape.pairs, pairs, strict=True)
        ],
        "meaning": [round(float(weight) * MEANING, 4) for weight in words],
    }
