import asyncio
from pathlib import Path

from bench import million


def test_a_made_store_answers_as_one_that_grew(tmp_path: Path) -> None:
    async def look() -> None:
        async with million.opened("sqlite", str(tmp_path / "m.db"), 1000) as store:
            counts = (await store.counts()).states
            assert counts == {"succeeded": 997, "failed": 2, "waiting": 1}
            (newest,) = await store.runs(million.Query(limit=1))
            assert len(await store.entries(newest.id)) == 2
            assert (newest.agent, newest.output) == ("agent19", "done")

    asyncio.run(look())


def test_the_worst_question_is_the_bar() -> None:
    few = {
        "runs": 1,
        "list_p50_ms": 1.0,
        "list_p99_ms": 2.0,
        "claim_p50_ms": 1.0,
        "claim_p99_ms": 2,
    }
    many = {**few, "claim_p50_ms": 2.5, "list_p99_ms": 3.0}
    rows, (middle, high) = million.judged("sqlite", few, many)
    assert (len(rows), middle.kept, "claim" in middle.text) == (2, False, True)
    assert (high.kept, "list" in high.text) == (True, True)


def test_both_stores_are_asked_in_turn() -> None:
    asked: list[str] = []

    async def ask(side: str) -> None:
        asked.append(side)

    laps = asyncio.run(million.in_turn([lambda _: ask("few"), lambda _: ask("many")]))
    assert asked[:4] == ["few", "many", "few", "many"]
    assert [len(ms) for ms in laps] == [million.TIMES, million.TIMES]
