"""How likely a piece of text is an order to a model: a linear model over its signs, their pairs and its meaning.

The weights are learned from sentences written for it, by `make train-orders`; how well, docs/reference/gate-report.md
says.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patches import meaning
from patches.evaluation.orders.pieces import pieces
from patches.evaluation.orders.signs import NAMES, borne, plain

WEIGHTS = Path(__file__).with_name("weights.json")
ROOT = 4  # letters of a word
WORD = re.compile(r"\w+")
NAMED = 3


@dataclass(frozen=True)
class Weights:
    """What is not looked at promises less than `least`; what is likely half and half scores `even`.

    `pairs` has above its diagonal what two signs say together.
    """

    roots: Mapping[str, float]
    least: float
    bias: float
    signs: NDArray[np.float64]
    pairs: NDArray[np.float64]
    meaning: NDArray[np.float64]
    even: float


@dataclass(frozen=True)
class Order:
    """A piece that reads like an order to a model: where it begins, how likely, by which signs most."""

    start: int
    likelihood: float
    signs: Sequence[str]


def likeliest(text: str) -> Order | None:
    """The piece of the text that is most likely an order to a model; None where nothing is worth a look."""
    learned = weights()
    looked: dict[str, int] = {}
    for start, piece in pieces(text):  # what a text says again is looked at once
        if (words := plain(piece)) not in looked and promise(words, learned.roots) >= learned.least:
            looked[words] = start
    if not looked:
        return None
    scores, signs = judged(list(looked))
    best = int(np.argmax(scores))
    return Order(list(looked.values())[best], likelihood(float(scores[best])), _named(signs[best]))


def roots_of(piece: str) -> set[str]:
    return {word[:ROOT] for word in WORD.findall(piece)}


def promise(piece: str, roots: Mapping[str, float]) -> float:
    """How much its words are those that orders have: a quick look before the long one."""
    return round(sum([roots[root] for root in roots_of(piece) if root in roots]), 3)  # in whatever order


def judged(pieces: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The scores of plain pieces, and the signs that they bear."""
    learned = weights()
    signs = np.array([borne(piece) for piece in pieces])
    on = signs.astype(np.float64)
    together = np.einsum("ni,ij,nj->n", on, learned.pairs, on)
    return learned.bias + on @ learned.signs + together + meaning.vectors(pieces) @ learned.meaning, signs


def likelihood(score: float) -> float:
    return 1 / (1 + math.exp(min(max(weights().even - score, -500.0), 500.0)))


def _named(signs: NDArray[np.bool_]) -> list[str]:
    """The signs that said most for it."""
    learned = weights()
    on = signs.astype(np.float64)
    said = on * (learned.signs + (learned.pairs + learned.pairs.T) @ on / 2)
    return [NAMES[n] for n in np.argsort(-said)[:NAMED] if said[n] > 0]


@cache
def weights() -> Weights:
    return read(json.loads(WEIGHTS.read_text(encoding="utf-8")))


def read(told: Mapping[str, Any]) -> Weights:
    """The weights as the file tells them."""
    number = {name: n for n, name in enumerate(NAMES)}
    signs, pairs = np.zeros(len(NAMES)), np.zeros((len(NAMES), len(NAMES)))
    for name, weight in told["signs"].items():
        signs[number[name]] = weight
    for one, other, weight in told["pairs"]:
        pairs[number[one], number[other]] = weight
    return Weights(
        told["roots"],
        told["least"],
        told["bias"],
        signs,
        pairs,
        np.array(told["meaning"], dtype=np.float64),
        told["even"],
    )
