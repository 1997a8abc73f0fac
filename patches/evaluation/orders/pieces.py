"""A text in sentences, and long ones in overlapping pieces: what bears its signs close together."""

import re
from collections.abc import Iterator

# A sentence ends at a full stop before a blank, an empty line, a bullet or a heading, and a comment's marks.
END = re.compile(
    r"""(?<=[.!?…])["'”’»)\]]*\s+ | \s*\n\s*\n\s* | \n(?=\s*(?:[-*+•#>|]|\d+[.)]\s)) | <!-- | -->
    | [\u3002\uff01\uff1f]""",
    re.VERBOSE,
)
BLANKS = re.compile(r"\s+")
LONGEST = 18  # words of a piece
SHORT = 100  # characters that are not looked at for their length
MOST_LETTERS = 400  # of a piece: what has no blanks is no sentence


def pieces(text: str) -> Iterator[tuple[int, str]]:
    """Each piece with the character of the text at which it begins."""
    start = 0
    for end in END.finditer(text):
        yield from _cut(start, text[start : end.start()])
        start = end.end()
    yield from _cut(start, text[start:])


def _cut(start: int, sentence: str) -> Iterator[tuple[int, str]]:
    blanks = [blank.end() for blank in BLANKS.finditer(sentence)] if len(sentence) > SHORT else []
    if len(blanks) <= LONGEST:
        if sentence.strip():
            yield start, sentence[:MOST_LETTERS]
        return
    marks = [0, *blanks, len(sentence)]
    for first in range(0, len(marks) - 1 - LONGEST // 2, LONGEST // 2):
        begin, end = marks[first], marks[min(first + LONGEST, len(marks) - 1)]
        yield start + begin, sentence[begin:end][:MOST_LETTERS]
