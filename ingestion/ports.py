"""Everything that can be swapped, on one page. Adapters live in adapters/<port>/, one module each."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ledger.failures import Failure

Cursor = Mapping[str, Any]  # plain JSON of the connector's own making, up to 64 KiB


class Signs(Enum):
    """What an equal signature proves: IMMUTABLE and STRONG that the bytes are equal, WEAK that they probably are."""

    IMMUTABLE = "immutable"  # the name of the bytes themselves: a blob's hash, a message's UID
    STRONG = "strong"  # the remote side vouches for it: a strong entity tag
    WEAK = "weak"  # size and time, a weak entity tag


@dataclass(frozen=True)
class Listed:
    """One item that a source has: its name there, and a signature that changes when its bytes may have changed.

    `size_bytes` is 0 where the source does not tell it before reading.
    """

    external_id: str
    signature: str
    size_bytes: int
    media_type: str = ""
    signs: Signs = Signs.WEAK


@dataclass(frozen=True)
class Unlisted:
    """Something in the source that is no item, or could not be looked at; `reason` is a ledger.reasons.Reason."""

    external_id: str
    reason: str


@dataclass(frozen=True)
class Tombstone:
    """The source says that it has this item no more. With `again` it will say so in the listings to come as well."""

    external_id: str
    again: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """All that was yielded before it is covered by the cursor: the next listing may begin there."""

    cursor: Cursor


@dataclass(frozen=True)
class ScopeComplete:
    """Everything whose name begins with `below` was listed, but what is below the prefixes in `except_below`.

    Any other item there that was not named is gone. Nothing else lets absence mean that. `count` is how many items were
    named since the listing began, or since the last ScopeComplete.
    """

    count: int
    except_below: tuple[str, ...] = ()
    below: str = ""


Entry = Listed | Unlisted | Tombstone | Checkpoint | ScopeComplete


@dataclass(frozen=True)
class Content:
    """An item's bytes as they were read, with what the source says of them: `metadata` is shown to who may see it."""

    data: bytes
    media_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


class SourcePort(Protocol):
    """Lists and reads one kind of source. Decides nothing, keeps nothing, neither sleeps nor retries.

    What goes wrong is raised as a class of ledger.failures: Auth when the key is refused, RateLimited with the time to
    wait, Timeout and Transient for what may be better next time, Gone and Malformed for one item.
    """

    def check(self) -> str:
        """Try the address and the key; return a line for operators, such as "14 folders as ann@example.org".

        Raises what `list` would raise, with a `detail` that says what to mend.
        """
        ...

    def list(self, cursor: Cursor) -> Iterator[Entry]:
        """Yield what there is, or what changed since `cursor`, which is empty the first time.

        Raises Auth, Gone, RateLimited, Timeout or Transient when the source as a whole cannot be listed; what was
        yielded before stands.
        """
        ...

    def read(self, external_id: str, *, limit_bytes: int) -> Content:
        """Return the item's bytes. Raises Gone, Auth, Transient, or Malformed (TOO_LARGE) above the limit."""
        ...


@runtime_checkable
class Foresight(Protocol):
    """What a source may have beside SourcePort, where fetching many items at once is cheaper than one by one."""

    def expect(self, external_ids: Sequence[str]) -> None:
        """Be told which items will be read next, most of them and in about this order. Fetches nothing yet."""
        ...


@runtime_checkable
class Watchable(Protocol):
    """What a source may have beside SourcePort, where changes in a folder are changes in the source."""

    def folder(self) -> Path:
        """Return the folder, absolute; everything below it belongs to the source, wanted or not."""
        ...

    def minds(self, path: Path) -> bool:
        """Whether a change of this path below the folder may change what is listed. If in doubt, yes."""
        ...


@runtime_checkable
class Renewing(Protocol):
    """What a source may have beside SourcePort, where the remote side replaces a key while it is used."""

    def renewed(self) -> Mapping[str, str]:
        """Return the secrets that took the place of those it was given, by name; each once, none if there are none."""
        ...


Told = int | float | str  # what a span says: ids, counts, times and codes, nothing that a source or a document says


class Span(Protocol):
    """A stretch of work in a trace. `traceparent` names it to whoever goes on with the trace, as W3C has it."""

    traceparent: str

    def note(self, **told: Told) -> None:
        """Say more of it."""
        ...


class TracePort(Protocol):
    """Tells how the work went on from process to process. Never raises, never waits for who listens."""

    def span(
        self, name: str, *, parent: str = "", links: Sequence[str] = (), **told: Told
    ) -> AbstractContextManager[Span]:
        """Be in a span of this name, one of few, for as long as the block runs.

        `parent` and `links` are traceparents: of the span that it is a part of (none, or nonsense: a trace of its own),
        and of others that it goes on with. An exception that leaves the block is told by its type alone.
        """
        ...

    def flush(self) -> None:
        """Hand over what was not told yet, within seconds: the process is about to end."""
        ...


Row = NDArray[np.float32]


class EmbeddingsPort(Protocol):
    """Turns passages into vectors.

    `recipe` names model, version and options: equal recipe and equal text give an equal vector. What an answer costs
    goes to ingestion.metering.
    """

    dim: int
    recipe: str

    def embed(self, texts: Sequence[str]) -> Row | list[Row | Failure]:
        """Return one row per text, in order.

        Shape (len(texts), dim), each row of unit length; (0, dim) for no texts. If some texts failed, a list with
        their failures in their places. Raises Transient or Auth when it failed for all; never gives fewer than texts.
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
    `polarity` is asserted, negated, hedged or reported; only asserted claims can become facts. `quote` is set when the
    words that an extractor gives do not stand in the text: the gate has to see them to reject them.
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
    quote: str | None = None


class ExtractorPort(Protocol):
    """Finds named things in passages, and what is claimed of them. Equal recipe and text give equal answers.

    Both may raise Transient or Auth when they failed for all texts. What an answer costs goes to ingestion.metering.
    """

    recipe: str

    def entities(self, texts: Sequence[str]) -> list[list[Mention]]:
        """Return the mentions of each text that `claims` needs, in order of start; none if it can hold no claim."""
        ...

    def claims(self, texts: Sequence[str], mentions: Sequence[Sequence[Mention]]) -> Sequence[list[Claim] | Failure]:
        """Return the claims of each text, given its mentions, or why there are none.

        In order of start, then predicate, then object.
        """
        ...
