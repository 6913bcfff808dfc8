"""What becomes of the slots that are due: fired, skipped for a run that goes on, missed.

- A slot is *missed* when it is late by more than the schedule's `grace_s`: nobody was there to fire it.
  Slots that are late by less are done one after the other, as if they were on time.
- After an outage (some slot is missed) `once` makes one run for everything that has come due, under
  the key of the latest slot; `skip` passes over the missed ones, and does the others.
- A slot that comes while a run of the schedule goes on is skipped, or waits. At most one slot waits, the
  first; those that come while it waits are skipped.
"""

from msgspec.structs import replace

from folkmoot.core.schedule import Kept, Slots, comes

_MOST = 1_000
"""Slots that one look passes over; the others are found by the next."""


def look(kept: Kept, now: int, slots: Slots) -> tuple[Kept, int | None]:
    """Return the slot that becomes a run now, if one does, and the schedule as it is after that.

    `kept.open` holds the runs that go on, as the caller has just found them.
    """
    if not kept.active:
        return kept, None
    kept = _catch_up(kept, now, slots)
    if kept.waiting is not None and not kept.open:
        return replace(kept, waiting=None), kept.waiting
    for _ in range(_MOST):
        slot = kept.next_slot
        if slot is None or comes(kept.schedule, slot) > now:
            break
        kept = replace(kept, next_slot=slots.next(kept.schedule, slot))
        if not kept.open or kept.schedule.overlap == "allow":
            return kept, slot
        if kept.schedule.overlap == "queue" and kept.waiting is None:
            kept = replace(kept, waiting=slot)
        else:
            kept = replace(kept, skipped=kept.skipped + 1)
    return kept, None


def _catch_up(kept: Kept, now: int, slots: Slots) -> Kept:
    """Return the schedule without the slots that were missed, as its policy wants it."""
    passed = _one_for_all if kept.schedule.missed == "once" else _none
    while kept.next_slot is not None and _late(kept, kept.next_slot, now):
        kept = passed(kept, kept.next_slot, now, slots)
        if kept.schedule.missed == "once":
            break
    return kept


def _late(kept: Kept, slot: int, now: int) -> bool:
    return comes(kept.schedule, slot) + _ms(kept.schedule.grace_s) < now


def _one_for_all(kept: Kept, first: int, now: int, slots: Slots) -> Kept:
    """Leave the latest slot that has come, to stand for all."""
    schedule = kept.schedule
    last = slots.last(schedule, first, now - _ms(schedule.jitter_s))
    for _ in range(_MOST):  # those whose jitter was short have come too
        following = slots.next(schedule, last)
        if following is None or comes(schedule, following) > now:
            break
        last = following
    passed = slots.count(schedule, first, last) - 1
    return replace(kept, next_slot=last, missed=kept.missed + passed)


def _none(kept: Kept, first: int, now: int, slots: Slots) -> Kept:
    """Pass over the slots that are surely late."""
    schedule = kept.schedule
    last = slots.last(schedule, first, now - _ms(schedule.jitter_s + schedule.grace_s))
    passed = slots.count(schedule, first, last)
    return replace(kept, next_slot=slots.next(schedule, last), missed=kept.missed + passed)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
