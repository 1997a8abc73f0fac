"""Teach the recogniser of orders to a model anew, and write its weights: `make train-orders`.

With a folder, as /usr/share/doc: how many of the texts below it are held for a person because of a likely order.
"""

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from patches.evaluation.orders.likelihood import WEIGHTS, likeliest

LIMIT = 0.7  # as in the default policy
FEWEST = 40  # characters of a text


def main() -> None:
    if sys.argv[1:]:
        return measure(Path(sys.argv[1]))
    from tests.gate.orders.training import taught  # noqa: PLC0415  to measure needs no lesson

    told = taught()
    WEIGHTS.write_text(json.dumps(told, ensure_ascii=False, indent=0).replace("\n", " ").replace("], ", "],\n") + "\n")
    sys.stdout.write(f"{told['caught_when_held_out']:.0%} of the orders of families that were held out are known\n")


def measure(folder: Path) -> None:
    tried = held = characters = 0
    for path, text in _texts(folder):
        tried, characters = tried + 1, characters + len(text)
        if (found := likeliest(text)) and found.likelihood > LIMIT:
            held += 1
            words = " ".join(text[found.start :][:120].split())
            sys.stdout.write(f"{found.likelihood:.2f} {path}: {words}\n")
    share = 100 * held / max(tried, 1)
    sys.stdout.write(f"{held} of {tried} texts ({share:.2f} %), {characters / 1e6:.1f} million characters\n")


def _texts(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        raw = path.read_bytes()
        try:
            text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
        except (UnicodeDecodeError, OSError):
            continue
        if len(text) >= FEWEST and "\0" not in text:
            yield path, text


if __name__ == "__main__":
    main()
