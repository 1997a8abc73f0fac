"""Real peers of each kind of connector, as worlds of items that a test can put, change, rename, delete and break."""

from collections.abc import Mapping

from django.utils.module_loading import import_string

from tests.contracts.worlds.world import World

WORLDS: Mapping[str, str] = {
    "imap": "tests.contracts.worlds.imap.Mailbox",
    "local_files": "tests.contracts.worlds.local_files.Folder",
    "obsidian": "tests.contracts.worlds.obsidian.Vault",
    "github": "tests.contracts.worlds.github.Repository",
    "github over git": "tests.contracts.worlds.github.OverGit",
    "web": "tests.contracts.worlds.web.Pages",
}


def world_of(name: str) -> type[World]:
    found: type[World] = import_string(WORLDS[name])
    return found
