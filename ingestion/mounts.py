"""On which file system a folder is: not every one tells what happens to it."""

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
# What other machines do there the kernel does not hear.
REMOTE = re.compile(r"nfs\d*|cifs|smb\d?|smbfs|9p|afs|ceph|virtiofs|vboxsf|prl_fs|fuse\..+")
OCTAL = re.compile(r"\\(\d{3})")


def is_remote(folder: Path, mounts: str | None = None) -> bool:
    """Whether the folder's file system is shared with other machines; `mounts` is as proc(5) has it in mountinfo."""
    lines = (MOUNTS.read_text() if MOUNTS.exists() else "") if mounts is None else mounts
    real, found = folder.resolve(), (0, "")
    for line in lines.splitlines():
        place, _, rest = line.partition(" - ")
        point = Path(OCTAL.sub(lambda hit: chr(int(hit[1], 8)), place.split()[4]))
        if real.is_relative_to(point):
            found = max(found, (len(point.parts), rest.split()[0]), key=lambda one: one[0])
    return bool(REMOTE.fullmatch(found[1]))
