"""What the contract suite asks of a peer."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

# What not every kind of source can do or suffer; a world that cannot says why in `lacks`.
ABILITIES = frozenset({"rename", "connection", "credentials", "rate limit"})


class Cut:
    """A connection that breaks at some exchange; `happened` once it did."""

    happened = False


class World:
    """A peer with items in it. One is started for all tests of a kind, and emptied before each by `reset`.

    Items go by a word of the test's choosing; `external_id` says how the connector calls one. What an abstract method
    does must be seen by the next listing, whatever clock the peer keeps.
    """

    kind: str
    lacks: Mapping[str, str] = {}  # an ability, and why the kind has it not

    def __init__(self, folder: Path) -> None:
        """Start the peer; `folder` is its own."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop the peer."""

    def reset(self) -> None:
        """Begin with an empty peer that nothing ails."""
        raise NotImplementedError

    def options(self) -> dict[str, Any]:
        """The source's options, so that listing goes in the smallest pages that the kind has."""
        raise NotImplementedError

    def secrets(self) -> dict[str, str]:
        """The options that nobody may ever see again."""
        return {}

    def external_id(self, name: str) -> str:
        raise NotImplementedError

    def others(self) -> set[str]:
        """External ids of what the peer has beside what was put: a start page, say."""
        return set()

    def put(self, name: str, text: str) -> None:
        """Have an item of this text, in the place of an older one of this name."""
        raise NotImplementedError

    def put_at_once(self, texts: Mapping[str, str]) -> None:
        """Put items that no clock tells apart."""
        raise NotImplementedError

    def delete(self, name: str) -> None:
        raise NotImplementedError

    def rename(self, name: str, new: str) -> None:
        """Give an item another name, its content unchanged."""
        raise NotImplementedError

    def away(self) -> AbstractContextManager[None]:
        """The whole peer is not there."""
        raise NotImplementedError

    def cut_at(self, exchange: int) -> AbstractContextManager[Cut]:
        """The connection breaks within the peer's answer number `exchange` (0, 1, …), and works again then."""
        raise NotImplementedError

    def refusing(self) -> AbstractContextManager[None]:
        """The peer does not accept the key."""
        raise NotImplementedError

    def busy(self) -> AbstractContextManager[float]:
        """The peer asks for time; gives the seconds."""
        raise NotImplementedError
