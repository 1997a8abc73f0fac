"""Delete the demo's store, servers and all, unless somebody is at work in it: `make demo` and `make clean` begin so."""

import shutil

from config import embedded
from config.environment import load


def main() -> None:
    """Delete the state folder that the environment names. Raises SystemExit with one line while it is in use."""
    state_dir = load().state_dir
    try:
        embedded.discard(state_dir, unused=True)
    except embedded.EmbeddedError as problem:
        raise SystemExit(str(problem)) from problem
    shutil.rmtree(state_dir)


if __name__ == "__main__":
    main()
