"""Everything that can be swapped, on one page. Adapters live in adapters/<port>/, one module each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Listed:
    """One item that a source has: its name there, and a signature that changes when its bytes may have changed."""

    external_id: str
    signature: str
    size_bytes: int
    media_type: str = ""


@dataclass(frozen=True)
class Unlisted:
    """Something in the source that is no item, or could not be looked at; `reason` is a ledger.reasons.Reason."""

    external_id: str
    reason: str


@dataclass(frozen=True)
class ScopeComplete:
    """Everything was listed, but below the prefixes in `except_below`: any other item that was not named is gone."""

    count: int
    except_below: tuple[str, ...] = ()


class SourcePort(Protocol):
    """Lists and reads one kind of source. Decides nothing, keeps nothing, neither sleeps nor retries."""

    def list(self) -> Iterator[Listed | Unlisted | ScopeComplete]:
        """Yield every item, in no particular order; ScopeComplete last, once the listing came to its end.

        Raises Auth, Gone or Transient when the source as a whole cannot be listed.
        """
        ...

    def read(self, external_id: str, *, limit_bytes: int) -> bytes:
        """Return the item's bytes. Raises Gone, Auth, Transient, or Malformed (TOO_LARGE) above the limit."""
        ...


class EmbeddingsPort(Protocol):
    """Turns passages into vectors.

    `recipe` names model, version and options: equal recipe and equal text give an equal vector.
    """

    dim: int
    recipe: str

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row per text, in order.

        Shape (len(texts), dim), each row of unit length; (0, dim) for no texts.
        Raises RateLimited, Transient or Auth; never returns fewer rows than texts.
        """
        ...


@dataclass(frozen=True)
class Mention:
    """A named thing in a text: `text[start:end]` is how it is written there, `name` its plain form."""

    start: int
    end: int
    type: str  # person, organization, place, date
    name: str


@dataclass(frozen=True)
class Period:
    """When something holds, as far as the text says: ISO dates as precise as stated ("2019", "2019-05", "2019-05-02").

    Both ends are inclusive periods ("until 2019" holds through 2019); None is unknown or open.
    """

    start: str | None = None
    end: str | None = None


@dataclass(frozen=True)
class Claim:
    """One statement that a text makes, with the words that make it: `text[start:end]`, verbatim.

    `subject` None means the document itself. `object_type` is an entity type, or "text" or "date" for a plain value.
    `polarity` is asserted, negated, hedged or reported; only asserted claims can become facts.
    """

    predicate: str
    subject: str | None
    subject_type: str
    object: str
    object_type: str
    start: int
    end: int
    period: Period = field(default_factory=Period)
    polarity: str = "asserted"


class ExtractorPort(Protocol):
    """Finds named things in passages, and what is claimed of them. Equal recipe and text give equal answers."""

    recipe: str

    def entities(self, texts: Sequence[str]) -> list[list[Mention]]:
        """Return the mentions of each text, in order of start; an empty list for a text that can hold no claim."""
        ...

    def claims(self, texts: Sequence[str], mentions: Sequence[Sequence[Mention]]) -> list[list[Claim]]:
        """Return the claims of each text, given its mentions; order of start, then predicate, then object."""
        ...
