"""A process that was told to stop says so at once."""

from folkmoot.app import App
from folkmoot.config import load


async def test_whoever_sends_work_is_told_before_the_steps_under_way_have_finished() -> None:
    app = App(load(store="memory://", agents=(), config=""), env={})
    async with app.running() as desk:
        assert (await desk.health()).ready
        await app.drain(0.0)
        health = await desk.health()
        assert not health.ready
        assert [part.name for part in health.parts if part.critical and not part.ok] == ["stopping"]
