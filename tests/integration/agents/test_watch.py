"""The operating system tells what changes in folders; nobody need look."""

import asyncio

from folkmoot.agents.watch import Watch

NEVER_S = 3600.0
PATIENCE_S = 30


async def hinted(watch, change):
    """Make changes until one is hinted at: the watch may not have begun yet."""
    hints = watch.hints()
    hint = asyncio.ensure_future(anext(hints))
    async with asyncio.timeout(PATIENCE_S):
        while not hint.done():
            change()
            await asyncio.wait({hint}, timeout=0.2)
    await hint
    await hints.aclose()


async def test_a_written_file_is_told_without_a_round(tmp_path):
    watch = Watch(lambda: {tmp_path}, NEVER_S)
    await hinted(watch, lambda: (tmp_path / "one.yaml").write_text("name: one"))


async def test_so_is_a_file_that_is_taken_away(tmp_path):
    def change():
        (tmp_path / "one.yaml").touch()
        (tmp_path / "one.yaml").unlink()

    await hinted(Watch(lambda: {tmp_path}, NEVER_S), change)


async def test_so_is_a_folder_that_is_made_later_once_it_is_watched(tmp_path):
    folder = tmp_path / "later"
    watch = Watch(lambda: {folder} if folder.exists() else set(), 0.05)
    await hinted(watch, lambda: (folder.mkdir(exist_ok=True), (folder / "a.yaml").write_text("a")))
