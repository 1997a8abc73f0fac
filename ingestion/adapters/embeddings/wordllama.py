"""wordllama: averaged token vectors, 256 dimensions; the weights lie in the wheel, so nothing is fetched."""

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from patches import meaning


class WordLlama:
    dim = meaning.DIM
    recipe = f"wordllama-{version('wordllama')}-l2_supercat-256"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one unit row per text; a text without tokens gets the first axis."""
        return meaning.vectors(texts)

    def warm(self) -> None:
        """Load the model and run it once, so that forked workers share what it builds."""
        self.embed(["warm"])
