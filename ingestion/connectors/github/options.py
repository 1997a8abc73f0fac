"""What can be a repository, a branch and a server, before any of them is asked."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

CONTENTS = ("files", "issues", "pulls", "discussions", "wiki")
TRANSPORTS = ("api", "git")
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
# What no branch or tag can have in its name: git-check-ref-format(1).
NO_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|^[-/.]|/\.|\.lock(?:/|$)|[/.]$")


def refuse(repository: str, contents: Collection[str], transport: str, url: str, branch: str) -> None:
    """Raises ValueError, which says what to mend, for what cannot be one."""
    unknown = sorted(set(contents) - set(CONTENTS))
    wrong = {
        "repository: give its owner and its name, such as octocat/hello-world": not REPOSITORY.fullmatch(repository),
        f"contents: {', '.join(unknown)} is none of {', '.join(CONTENTS)}": unknown,
        f"transport: {' or '.join(TRANSPORTS)}": transport not in TRANSPORTS,
        "url: give the address of the server, such as https://github.example.org": not _is_server(url),
        "branch: give the name of one branch or tag; patterns are not understood": NO_REF.search(branch),
    }
    for said, is_so in wrong.items():
        if is_so:
            raise ValueError(said)


def _is_server(url: str) -> bool:
    """Whether it is an address of a server, without a user's name or password in it."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:
        return False
