"""Changes: everything that can be written to the store, as values.

`await store.write(*changes)` applies its changes together or not at all. A change that carries a
`fence` is refused with LeaseLost when the run's fence has moved on. What a change gives back (its
outcome) is named in its docstring; the others give None.
"""

import msgspec

from folkmoot.core.entries import Entry
from folkmoot.core.run import Run, RunState
from folkmoot.core.spend import Spend

_EVER = 1 << 62


class _Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change."""


class CreateRun(_Change, frozen=True):
    """Write a run, its first entries, and its key in the inbox (when `key` is not empty).

    `announced_at` (ms) is set by a caller that puts the run into the broker right after; 0 leaves
    that to the relay.

    Outcome: Born. Keys are unique within the run's `source`. With a key that was seen before and the
    same fingerprint, nothing is written and the first run's id comes back; with another fingerprint
    the set fails with KeyReused (details: run). Conflict when the run's id is taken. The entries are
    numbered from 1 (else JournalBroken).
    """

    run: Run
    entries: tuple[Entry, ...]
    key: str = ""
    fingerprint: str = ""
    announced_at: int = 0


class Claim(_Change, frozen=True):
    """Take a queued run whose time has come: raise its fence, make it running, name its worker.

    Outcome: Claimed, or None when it is not there to be had (taken, finished, not yet ready). With
    `read` False the journal is not asked for, and True comes instead of Claimed. Changes behind it in
    the set may carry the raised fence; when the claim fails they do, and the set with them.
    """

    run: str
    worker: str
    now: int
    read: bool = True


class Append(_Change, frozen=True):
    """Add entries to a running run's journal. Outcome: the number of signals ever sent to the run.

    They are numbered on from the journal's end, without a gap, and belong to this run; else
    JournalBroken. No entries at all is a way to ask whether the fence still holds.
    """

    run: str
    fence: int
    entries: tuple[Entry, ...]


class Move(_Change, frozen=True):
    """Change a running run's state, and note where its journal ends and what it has spent.

    The worker is let go unless the state is `running`. `signals_seen` is the number of signals that
    the caller knows of: when more were sent, a run that would wait is queued instead, ready at once,
    so that no signal is slept through. Queued runs count as not announced. Signals that nobody
    consumed stay with a run that ends; a retry finds them.
    """

    run: str
    fence: int
    state: RunState
    at: int
    attempt: int
    head: int
    head_hash: str
    spend: Spend
    ready_at: int = 0
    wake_at: int | None = None
    waits_for: str = ""
    output: str = ""
    error: str = ""
    signals_seen: int = 0


class HoldSpend(_Change, frozen=True):
    """Set money aside in a shared budget; BudgetSpent when spent + held + amount > limit (nanos).

    The error's details are `scope`, `spent`, `held` and `limit`.
    """

    run: str
    fence: int
    scope: str
    amount: int
    limit: int


class SettleSpend(_Change, frozen=True):
    """Give back what was held, and count what was spent (nanos). Held never falls below 0."""

    run: str
    fence: int
    scope: str
    held: int
    spent: int


class Signal(_Change, frozen=True):
    """Say something to a run from outside; a waiting run becomes queued.

    Outcome: True when the signal was new. The same id twice is one signal, whatever has become of the
    run since. RunUnknown when there is no such run; WrongState when it is final. The kind `retry` needs
    a run that failed, was cancelled or refused (else WrongState) and makes it queued, in the same
    attempt: the runner writes the Reset. A run that becomes queued is ready at once, not announced,
    and waits for nothing; the rest of it stays.
    """

    run: str
    id: str
    kind: str
    body: bytes
    at: int


class Consume(_Change, frozen=True):
    """Signals whose content is in the journal now. Ids that are unknown or consumed do no harm."""

    run: str
    fence: int
    ids: tuple[str, ...]


class PutBlob(_Change, frozen=True):
    """Keep bytes by their SHA-256 (hex); Invalid for another digest. The same bytes are kept once."""

    digest: str
    data: bytes


class Outbox(_Change, frozen=True):
    """Something that must leave: relayed at least once, with its id as the idempotency key.

    It is due from `at`. The same id twice is one item, the first.
    """

    id: str
    run: str
    topic: str
    body: bytes
    at: int


class Sent(_Change, frozen=True):
    """The outbox item has arrived; or `error` says why not, and it is due again at `next_at`.

    Without `next_at` it is due at once. What has arrived stays arrived, whatever is said later.
    """

    id: str
    at: int
    error: str = ""
    next_at: int | None = None


class Beat(_Change, frozen=True):
    """A worker lives, for `ttl_ms` by the store's own clock. The last word counts."""

    worker: str
    ttl_ms: int
    note: str = ""


class Retire(_Change, frozen=True):
    """A worker leaves. Runs that it still holds go back to the queue, with a raised fence.

    Alone in its set. Outcome: the ids of these runs.
    """

    worker: str
    at: int


class Rescue(_Change, frozen=True):
    """Runs of workers without a living heartbeat go back to the queue, with a raised fence.

    Also wakes waiting runs whose `wake_at` has come. All of them count as not announced. Alone in its
    set. Outcome: the ids of all of them, in any order.

    Where the store's clock was set, whoever noticed says between which moments (ms by that clock) its
    present may lie: a heartbeat that lasted beyond `earliest` lives, one made after `latest` is from
    before the clock was set back, and dead.
    """

    now: int
    earliest: int = _EVER
    latest: int = _EVER


class Prune(_Change, frozen=True):
    """Runs that ended before `before` (ms) go, with all that is theirs; the oldest ids first.

    At most `limit` runs, and only ids below `below` (empty: any): ids grow with time, so that the young
    need not be looked at. With a run go its journal, its signals, its key, its letters that have arrived,
    and bodies that no other entry has. A run that has not ended, or has a letter that must still leave,
    stays. Definitions, budgets and records stay. Alone in its set. Outcome: the ids of what went.
    """

    before: int
    limit: int
    below: str = ""


class Announced(_Change, frozen=True):
    """These queued runs were put into the broker at this time. Others among them are passed over."""

    runs: tuple[str, ...]
    at: int


class Hasten(_Change, frozen=True):
    """A queued run that was put off until exactly `until` (ms) is due at once, and not announced.

    Any other run is left as it is: it is delayed for another reason, or not any more.
    """

    run: str
    until: int


class Acquire(_Change, frozen=True):
    """Take a lease on a name, or renew the one that is held, for `ttl_ms` by the store's own clock.

    Outcome: the lease's fence, or None when somebody else holds it. Whoever renews in time keeps the
    fence; every other grant raises it, also one to the same holder after the time was over.
    """

    name: str
    holder: str
    ttl_ms: int


class Release(_Change, frozen=True):
    """Give a lease back before its time is over; does no harm when it is not ours any more."""

    name: str
    holder: str
    fence: int


class Under(_Change, frozen=True):
    """A guard: the set is refused with LeaseLost when the lease has been granted anew since `fence`.

    A lease whose time is over and that nobody has taken since still counts: nobody else acts on it.
    """

    name: str
    fence: int


class PutRecord(_Change, frozen=True):
    """Keep a small document under a kind and a key. Outcome: its new version.

    `version` is the one that must be there now: 0 for none, None for whatever there is; else the set is
    refused with Outdated (details: kind, key, version). Versions are never used twice in a store, also
    not for a record that was dropped and made anew. `due` (ms) finds it again by time; 0 is never.
    """

    kind: str
    key: str
    body: bytes
    due: int = 0
    version: int | None = None


class DropRecord(_Change, frozen=True):
    """Forget a document; `version` as in PutRecord, but for 0. Outcome: True when there was one."""

    kind: str
    key: str
    version: int | None = None


Change = (
    CreateRun | Claim | Append | Move | HoldSpend | SettleSpend | Signal | Consume | PutBlob
    | Outbox | Sent | Beat | Retire | Rescue | Prune | Announced | Hasten
    | Acquire | Release | Under | PutRecord | DropRecord
)  # fmt: skip


class Born(msgspec.Struct, frozen=True):
    """Outcome of CreateRun: the run's id, and whether it is new."""

    run: str
    new: bool


class Claimed(msgspec.Struct, frozen=True):
    """Outcome of Claim: the run with its new fence, its whole journal, its signals.

    `signals` counts all signals ever sent; `pending` are the ones not consumed yet, oldest first.
    """

    run: Run
    entries: tuple[Entry, ...]
    signals: int = 0
    pending: tuple[Signal, ...] = ()


class Record(msgspec.Struct, frozen=True):
    """A document as the store keeps it."""

    kind: str
    key: str
    version: int
    due: int
    body: bytes


class Lease(msgspec.Struct, frozen=True):
    """A lease as it stands: who holds it (nobody: ""), its fence, the milliseconds it has left."""

    name: str
    holder: str
    fence: int
    left_ms: int


Outcome = Born | Claimed | int | bool | tuple[str, ...] | None
