"""The keys that a checkout makes for itself, in its state folder."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def kept_key(kept: Path, make: Callable[[], str]) -> str:
    """Return a key of the checkout's own; made by the first process that asks, the same for all others."""
    state_dir = kept.parent
    try:
        if not kept.exists():
            state_dir.mkdir(parents=True, exist_ok=True)
            descriptor, draft = tempfile.mkstemp(dir=state_dir)  # with mode 0600
            with os.fdopen(descriptor, "w") as file:
                file.write(make())
                if os.getuid() == 0:  # root at work in someone's checkout does not lock them out of it
                    os.fchown(descriptor, state_dir.stat().st_uid, -1)
            try:
                os.link(draft, kept)  # unlike a rename, a link never replaces the key of a faster process
            except FileExistsError:
                pass
            finally:
                Path(draft).unlink()
        return kept.read_text()
    except OSError as exc:
        raise SystemExit(f"SLUICEGATE_STATE_DIR: cannot keep a key in {str(state_dir)!r}: {exc.strerror}") from exc
