"""What the browser finds: the demo's documents, some that the disk would not give, and some that wait for a person."""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model

from handoffs import payloads
from ingestion.connectors import DEFAULT, VAULT
from ingestion.ingesting import register
from ingestion.models import RetryRule
from ingestion.sync import sync
from patches.evaluation.policies import publish

USER, PASSWORD = "maren", "a-tide-gate-of-1887"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# A journey changes what it is about, and they go in any order: none is about another one's.
UNREAD = {
    "ebb.md": "Agnes Rowe was appointed director of the Ebb Office on 1 May 2011.\n",
    "neap.md": "Ines Duarte was appointed director of the Neap Office on 1 May 2013.\n",
}
ASKED = {
    "ferry.md": "Nora Lindqvist was appointed director of the Ferry Office on 1 May 2024.\n",
    "lights.md": "Tom Iversen was appointed director of the Lights Office on 1 June 2024.\n",
    "moorings.md": "Alma Reyes was appointed director of the Moorings Office on 1 July 2024.\n",
}
LEARNT = {"pilots.md": "Jonas Weir was appointed director of the Pilots Office on 1 April 2022.\n"}
EVERYTHING_ASKED = {"checks": {"source_is_trusted": {"limit": 0}}}


def tell(folder: Path) -> None:
    """List everything in an empty store; the workers that are started next do the rest."""
    get_user_model()._default_manager.create_superuser(USER, password=PASSWORD)
    RetryRule.objects.create(failure="transient", attempts=1, then="quarantined")
    for reflection, kind, name, root in (
        ("demo", DEFAULT, "corpus", EXAMPLES / "corpus"),
        ("demo", DEFAULT, "later", EXAMPLES / "later"),
        ("demo", VAULT, "vault", EXAMPLES / "vault"),
        ("demo", DEFAULT, "tides", written(folder / "tides", UNREAD)),
        ("demo", DEFAULT, "pilots", written(folder / "pilots", LEARNT)),
        ("newsroom", DEFAULT, "arrivals", written(folder / "arrivals", ASKED)),
    ):
        source = register(reflection, kind, name, {"root": str(root)})
        if reflection == "newsroom":
            publish(source.reflection, "all asked", EVERYTHING_ASKED, by=USER, why="Somebody reads all of it first.")
        sync(source)
    for text in UNREAD.values():
        stored = place_of(text, settings.STATE_DIR)
        stored.rename(stored.with_suffix(".kept"))
        stored.mkdir()  # whoever opens it is refused


def written(folder: Path, texts: dict[str, str]) -> Path:
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def give_back(text: str, state_dir: Path) -> None:
    """Let a payload be read again."""
    stored = place_of(text, state_dir)
    stored.rmdir()
    stored.with_suffix(".kept").rename(stored)


def place_of(text: str, state_dir: Path) -> Path:
    """Where the text lies once it is taken in."""
    return state_dir / "payloads" / payloads.path_of(hashlib.sha256(text.encode()).hexdigest())
