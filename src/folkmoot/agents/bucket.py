"""A bucket of agent files (S3, R2, MinIO, anything with that wire) as a source.

    list ──> which names, with which ETags ──> what is due and has another ETag is fetched ──> files

One listing a round tells what is there. An agent is looked at again when its file's `cache` time has
passed (else the default), a file that is not known yet at once; what has the ETag that we hold is
neither fetched nor read again. What was read is kept in one file, so that the next process starts from
it without asking, as long as it is not due, and also when the bucket does not answer.

Clock: the wall clock, because what is kept outlives the process; a clock that was set back makes
everything due.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from folkmoot.agents.load import Ground, Loaded
from folkmoot.agents.parcel import Kept, Parcel, Parcels
from folkmoot.agents.reader import Reader
from folkmoot.agents.source import Want
from folkmoot.core.errors import SourceFault
from folkmoot.ports.clock import Clock

if TYPE_CHECKING:
    from obstore.store import S3Store

_PATIENCE_S = 20.0
_AT_ONCE = 8
_MOST = 10_000
_SAID = 500
_AGAIN_S = (5.0, 60.0)
"""The first pause after a failure, and the longest."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Which bucket, which prefix in it ("" for all), at which endpoint ("" for AWS)."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""

    @property
    def shown(self) -> str:
        """The place as a URL."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


class Bucket:
    """The agent files under a prefix."""

    def __init__(
        self, place: Place, ground: Ground, parcels: Parcels, *, ttl_s: float, clock: Clock
    ) -> None:
        """`ttl_s` is for files that name no `cache`; `parcels` is where what was read is kept."""
        self.shown = place.shown
        self._key = f"{place.shown} at {place.endpoint}"
        self._parcels, self._ttl_s, self._clock = parcels, ttl_s, clock
        self._store = _connect(place)
        self._parcel = Parcel(place.shown)
        self._reader = Reader(self._parcel, ground)
        self._looked: dict[str, int] = {}
        self._listed = 0
        self._failures = 0
        self._failed = 0
        self._owing = False

    def first(self) -> tuple[Loaded, ...]:
        """Return what an earlier process has kept."""
        kept = self._parcels.load(self._key)
        if kept is None:
            return ()
        self._parcel.unpack(kept.files)
        self._looked, self._listed = dict(kept.looked), kept.listed
        return self._reader.read()

    async def read(self, want: Want) -> tuple[Loaded, ...]:
        """Ask for what is due. Raises SourceFault; what is kept stays as it is then."""
        now = self._clock.now()
        if not (want.now or want.agent) and self.due_in() > 0:
            return tuple(self._reader.last.values())
        before = self._reader.last
        try:
            async with asyncio.timeout(_PATIENCE_S):
                loaded = await self._round(want, now)
        except BaseException as fault:
            self._reader.last = before
            if not isinstance(fault, Exception):  # we are cancelled
                raise
            self._failures, self._failed = self._failures + 1, now
            self._owing |= want.now or bool(want.agent)  # who was told must not forget it
            raise self._fault(fault) from None
        self._failures, self._owing = 0, False
        return loaded

    def due_in(self) -> float:
        """Return the seconds until something is due; after failures, until it is tried again."""
        now = self._clock.now()
        if self._failures:
            first, longest = _AGAIN_S
            pause: float = min(first * 2 ** (self._failures - 1), longest)
            return max(0.0, pause - abs(now - self._failed) / 1000)
        times = [self._due_at(loaded) for loaded in self._reader.last.values()]
        times.append(self._listed + round(self._ttl_s * 1000))
        behind = now < max([self._listed, *self._looked.values()])
        return 0.0 if behind else max(0.0, (min(times) - now) / 1000)

    async def hints(self) -> AsyncIterator[None]:
        """Yield nothing: a bucket does not tell us. Whoever writes to it can (the webhook)."""
        await asyncio.Event().wait()
        yield None  # pragma: no cover - makes this a generator

    def _due_at(self, loaded: Loaded) -> int:
        ttl_s = self._ttl_s if loaded.cache is None else loaded.cache
        return self._looked.get(loaded.name, 0) + round(ttl_s * 1000)

    async def _round(self, want: Want, now: int) -> tuple[Loaded, ...]:
        self._parcel.note(await self._list())
        due = {
            name
            for name, loaded in self._reader.last.items()
            if want.now or self._owing or _means(want.agent, loaded) or now >= self._due_at(loaded)
        }
        known = set(self._reader.last)
        while True:
            loaded = await asyncio.to_thread(
                self._reader.read, lambda one: one.name in due or one.name not in known
            )
            wanted = self._parcel.wanted()
            if not wanted:
                break
            await self._fetch(wanted)
        looked = due | {one.name for one in loaded if one.name not in known}
        self._looked = {
            one.name: now if one.name in looked else self._looked.get(one.name, now)
            for one in loaded
        }
        self._listed = now
        self._parcel.forget_all_but(name for one in loaded for name, _ in one.stamps)
        self._keep()
        return loaded

    def _keep(self) -> None:
        files = self._parcel.pack()
        self._parcels.save(self._key, Kept(files=files, looked=self._looked, listed=self._listed))

    async def _list(self) -> dict[str, tuple[str, int]]:
        """Return name → (ETag, size) of everything under the prefix."""
        import obstore  # noqa: PLC0415 - needs the extra `s3`

        found: dict[str, tuple[str, int]] = {}
        async for objects in obstore.list(self._store, chunk_size=1000):
            for one in objects:
                found[one["path"]] = (one["e_tag"] or str(one["last_modified"]), one["size"])
            if len(found) > _MOST:
                raise SourceFault(
                    f"There are more than {_MOST} objects under {self.shown}.",
                    kept="The agents that were read before.",
                    todo="Name the prefix under which the agents lie, and nothing else.",
                )
        return found

    async def _fetch(self, names: list[str]) -> None:
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str) -> None:
            async with room:
                await self._get(name)

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(one(name))

    async def _get(self, name: str) -> None:
        import obstore  # noqa: PLC0415 - needs the extra `s3`

        try:
            found = await obstore.get_async(self._store, name)
        except FileNotFoundError:  # deleted since the listing
            self._parcel.drop(name)
            return
        data = bytes(await found.bytes_async())
        self._parcel.put(name, found.meta["e_tag"] or str(found.meta["last_modified"]), data)

    def _fault(self, fault: BaseException) -> SourceFault:
        while isinstance(fault, BaseExceptionGroup):
            fault = fault.exceptions[0]
        if isinstance(fault, SourceFault):
            return fault
        said = str(fault).splitlines() or [type(fault).__name__]
        words = (
            "no answer in time" if isinstance(fault, TimeoutError) else " ".join(said[:4])[:_SAID]
        )
        return SourceFault(
            f"{self.shown} cannot be read: {words}",
            kept="The agents that were read before.",
            todo="See whether the bucket is there, FOLKMOOT_AGENTS_ENDPOINT and the AWS_* variables.",
        )


def _means(agent: str, loaded: Loaded) -> bool:
    """Whether a file may be that agent's: it says so, or cannot be read."""
    return bool(agent) and (loaded.agent is None or loaded.claims == agent)


def _connect(place: Place) -> "S3Store":
    """Return the client; what is not said here it takes from the AWS_* variables."""
    from obstore.store import S3Store  # noqa: PLC0415 - needs the extra `s3`

    given: dict[str, Any] = {}
    if place.endpoint:
        given |= {"endpoint": place.endpoint, "virtual_hosted_style_request": False}
        if not {"AWS_REGION", "AWS_DEFAULT_REGION"} & os.environ.keys():
            given["region"] = "auto"
    return S3Store(
        place.bucket,
        prefix=place.prefix or None,
        client_options={
            "timeout": "10s",
            "connect_timeout": "5s",
            "allow_http": place.endpoint.startswith("http://"),
        },
        retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=10)},
        **given,
    )
