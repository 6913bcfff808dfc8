"""Which statement lists runs: one for each shape of a question, so that each finds its index.

One statement for all shapes, with `agent = ? OR ? = ''`, would have to look at every run for some of them.
States are part of the text for the same reason: indexes are kept for few of them. They are our own words.
"""

from functools import cache

from folkmoot.core.run import RunState
from folkmoot.stores import queries

LAST = chr(0x10FFFF)
"""Behind every id: `before` for who begins with the newest."""


@cache
def statement(engine: str, states: tuple[RunState, ...], *, agent: bool) -> str:
    """Return the statement; its parameters are agent, before, limit."""
    sql = queries.load(engine)
    whose = sql["of_an_agent"] if agent else sql["of_any_agent"]
    parts = [_part(sql, whose, str(RunState(state))) for state in dict.fromkeys(states)]
    if not parts:
        return _filled(sql, "runs", whose)
    if len(parts) == 1:
        return parts[0]
    together = " UNION ALL ".join(f"SELECT * FROM ({part}) AS part" for part in parts)  # noqa: S608 - our own text
    return sql["list_together"].replace("{parts}", together)


def _part(sql: dict[str, str], whose: str, state: str) -> str:
    return _filled(sql, sql.get(f"those_{state}", "runs"), f"{whose} AND state = '{state}'")


def _filled(sql: dict[str, str], source: str, which: str) -> str:
    return sql["list_runs"].replace("{source}", source).replace("{which}", which)
