"""Where a bug was raised, fit to be kept: files, lines, functions and types, but no message and no value.

Messages and values may hold what a document says, so they are left out, not cleaned.
"""

from pathlib import Path
from traceback import FrameSummary, extract_tb

from django.conf import settings

MOST_CHARS = 8_000
OUTER_FRAMES, INNER_FRAMES = 5, 25
OWN_FRAMES = 4
LIBRARIES = "site-packages"
BESIDE = "~"  # stands before a file that is not ours
INDENT = "  "


def redacted(bug: BaseException) -> str:
    """Return what was raised and where, the first cause first; at most MOST_CHARS, of which the end is kept."""
    chain: list[BaseException] = []
    link: BaseException | None = bug
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\n".join(line for link in reversed(chain) for line in _told(link))[-MOST_CHARS:]


def exception_of(traceback: str) -> str:
    """The type of what was raised last; empty for no traceback."""
    return traceback.rpartition("\n")[2]


def own_frames(traceback: str) -> list[str]:
    """The innermost frames of our own code as file:function, the last one last; the same as long as no one moves it."""
    frames = [line.strip() for line in traceback.splitlines() if line.startswith(INDENT) and line[2:3].strip()]
    own = [_function(frame) for frame in frames if not frame.startswith(BESIDE)]
    return own[-OWN_FRAMES:]


def _told(link: BaseException) -> list[str]:
    stack = list(extract_tb(link.__traceback__))
    if len(stack) > OUTER_FRAMES + INNER_FRAMES:
        stack = stack[:OUTER_FRAMES] + stack[-INNER_FRAMES:]
    kind = type(link)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return [*(line for frame in stack for line in _frame(frame)), name]


def _frame(frame: FrameSummary) -> list[str]:
    where = f"{INDENT}{_place(Path(frame.filename))}:{frame.lineno} in {frame.name}"
    return [where, f"{INDENT * 2}{frame.line}"] if frame.line else [where]


def _place(file: Path) -> str:
    """The file below the checkout, or below the libraries: no path of the machine."""
    if LIBRARIES in file.parts:
        at = len(file.parts) - 1 - file.parts[::-1].index(LIBRARIES)
        return f"{BESIDE}/{Path(*file.parts[at + 1 :])}"
    if file.is_relative_to(settings.ROOT):
        return str(file.relative_to(settings.ROOT))
    return f"{BESIDE}/{file.name}"


def _function(frame: str) -> str:
    place, _, function = frame.partition(" in ")
    return f"{place.rpartition(':')[0]}:{function}"
