"""The order of a queue, over runs in memory; what the SQL engines do in their statement `ready`."""

from collections import Counter
from collections.abc import Iterable, Mapping

from folkmoot.core.run import Run
from folkmoot.core.urgency import urgency


def in_turn(runs: Iterable[Run], busy: Mapping[str, int], now: int) -> list[Run]:
    """Return runs in the order in which they should begin.

    `busy` says how many runs of an agent are at work or announced: they count against its limit.
    """
    classes = sorted((urgency(run.priority, run.created_at, now), run.id, run) for run in runs)
    places: Counter[tuple[str, str]] = Counter()
    slots: Counter[str] = Counter(busy)
    heads = []
    for rank, id_, run in classes:
        slots[run.agent] += 1
        if run.limit and slots[run.agent] > run.limit:
            continue
        lane = run.tenant, run.agent
        places[lane] += 1
        heads.append((rank, run.tenant, places[lane], run.agent, id_, run))
    turns: Counter[tuple[int, str]] = Counter()
    turned = []
    for rank, tenant, _, _, id_, run in sorted(heads, key=lambda head: head[:5]):
        turns[rank, tenant] += 1
        turned.append((rank, turns[rank, tenant], tenant, id_, run))
    return [head[-1] for head in sorted(turned, key=lambda head: head[:4])]
