"""Which file a link of a note means, by Obsidian's rules: pure, over the paths that there are."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from posixpath import dirname, normpath, splitext
from urllib.parse import unquote

NOTE = ".md"
CODE = re.compile(r"^(```|~~~).*?(?:^\1|\Z)|`[^`\n]*`", re.DOTALL | re.MULTILINE)
WIKILINK = re.compile(r"\[\[([^\[\]|#^\n]{1,500})(?:[#^][^\[\]|\n]*)?(?:\|[^\[\]\n]*)?\]\]")
INLINE = re.compile(r"\]\((?:<([^<>\n]{1,500})>|([^()\s<>]{1,500}))(?:\s+[\"'(][^\n]*?[\"')])?\)")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)


def targets(text: str) -> Iterator[str]:
    """Yield what the wikilinks, embeds and Markdown links of a note point at, without headings, blocks and aliases.

    A link to a place in the same note, or out of the vault, is none. What stands in code is text.
    """
    prose = CODE.sub("", text) if "`" in text or "~~~" in text else text
    for link in WIKILINK.finditer(prose):
        yield link[1].strip()
    for link in INLINE.finditer(prose):
        target = unquote(link[1] or link[2]).partition("#")[0].strip()
        if target and not SCHEME.match(target):
            yield target


class Names:
    """The files of a vault, to be found as links name them."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.by_name: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            self.by_name[last(path)].append(path)

    def find(self, target: str, home: str) -> str | None:
        """Return the path that `target` means in a note of the folder `home`; None for what is not there (yet).

        Case does not matter, and `.md` may be left out. Of namesakes the one at that very path is meant, else the one
        in the note's own folder, else the one nearest to the top, then by the alphabet.
        """
        for wanted in (target, target + NOTE):
            if found := self._find(wanted, home):
                return found
        return None

    def _find(self, target: str, home: str) -> str | None:
        if target.startswith(("./", "../")):
            target = "/" + normpath(f"{home}/{target}").lstrip("/")
        whole = folded(target.lstrip("/"))
        namesakes = [(folded(path), path) for path in self.by_name.get(last(whole), [])]
        fitting = [
            (plain != whole, dirname(path) != home, path.count("/"), path)
            for plain, path in namesakes
            if plain == whole or (plain.endswith(f"/{whole}") and not target.startswith("/"))
        ]
        return min(fitting)[-1] if fitting else None


def folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).lower()


def last(path: str) -> str:
    return folded(path.rpartition("/")[2])


def is_note(path: str) -> bool:
    return splitext(path)[1].lower() == NOTE
