"""hashing: signed feature hashing of words; no model, no network. Good enough for tests, not for search."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Hashing:
    dim = 64
    recipe = "hashing-64-v1"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(out, texts, strict=True):
            for word in text.split():
                digest = hashlib.blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest()
                row[digest[0] % self.dim] += 1 if digest[1] % 2 else -1
            if not row.any():
                row[0] = 1
        unit: NDArray[np.float32] = out / np.linalg.norm(out, axis=1, keepdims=True)
        return unit
