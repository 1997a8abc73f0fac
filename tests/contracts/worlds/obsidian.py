"""A vault, with settings of its own and what Obsidian leaves in it."""

from tests.contracts.worlds.local_files import Folder


class Vault(Folder):
    kind = "obsidian"

    def reset(self) -> None:
        super().reset()
        (self.root / ".obsidian").mkdir()
        (self.root / ".obsidian" / "app.json").write_text('{"userIgnoreFilters": ["Templates/"]}')
        (self.root / "Templates").mkdir()
        (self.root / "Templates" / "daily.md").write_text("never taken")
