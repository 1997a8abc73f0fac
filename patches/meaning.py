"""What words mean, roughly: wordllama's averaged token vectors. The weights lie in its wheel, so nothing is fetched."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Set before the import: a tokenizer that has started threads warns, and may hang, after the worker forks.
os.environ["TOKENIZERS_PARALLELISM"] = "false"

DIM = 256
BATCH = 64  # texts that are padded to one length together


def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return one unit row per text; a text without tokens gets the first axis."""
    rows = np.zeros((len(texts), DIM), dtype=np.float32)
    # By length, so that a short text is not padded to a long neighbour's length.
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        rows[chosen] = _model().embed([_encodable(texts[i]) for i in chosen], batch_size=BATCH)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows[norms[:, 0] == 0, 0] = 1
    norms[norms == 0] = 1
    unit: NDArray[np.float32] = rows / norms
    return unit


@cache
def _model() -> Any:
    import wordllama  # noqa: PLC0415  it takes longer than a command has, and most commands judge nothing

    # The default cache is below the home directory; the wheel's own folder has every file that is asked for.
    return wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()  # the tokenizer refuses lone surrogates
