"""When two names, values or slots are the same."""

import unicodedata
from uuid import UUID, uuid5

NAMESPACE = UUID("0f5b3f6e-8f0c-5d0a-9a3e-2f6f1f0c7a11")
# Signs that only direct how a name is written: these planes have them all.
UNSEEN = dict.fromkeys(n for n in (*range(0x20000), *range(0xE0000, 0xE1000)) if unicodedata.category(chr(n)) == "Cf")


def key_of(name: str) -> str:
    """The normalised name: compatibility forms folded, case folded, one space between words, no leading article.

    What only directs how a name is written, such as marks of direction and joiners, is no part of it.
    """
    # folding may undo what composing did: "İ" becomes "i" and a dot above
    seen = unicodedata.normalize("NFKC", name if name.isascii() else name.translate(UNSEEN)).casefold()
    folded = unicodedata.normalize("NFKC", seen).replace("’", "'")
    words = folded.removesuffix("'s").split()
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    return " ".join(words)


def entity_id(reflection_id: int, type_: str, key: str) -> UUID:
    return uuid5(NAMESPACE, f"entity:{reflection_id}:{type_}:{key}")


def slot_of(reflection_id: int, subject: UUID, predicate: str, object_key: str | None) -> UUID:
    """Where assertions meet: subject and predicate, and the object when several may hold at one time."""
    return uuid5(NAMESPACE, f"slot:{reflection_id}:{subject}:{predicate}:{object_key or ''}")
