"""Which adapter a setting means. Part of the composition root; imports what was chosen and no more."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import msgspec

from folkmoot.agents.catalog import Agents, News
from folkmoot.agents.directory import Directory
from folkmoot.agents.known import Known
from folkmoot.agents.load import Ground
from folkmoot.agents.source import Source
from folkmoot.brokers import address
from folkmoot.brokers.local import LocalBroker
from folkmoot.brokers.localexchange import LocalExchange
from folkmoot.calendars.calendar import SlotCalendar
from folkmoot.config import Settings
from folkmoot.core.agent import Agent, ToolUse
from folkmoot.core.errors import Invalid, SettingsInvalid
from folkmoot.core.events import Event
from folkmoot.models.registry import Models
from folkmoot.ports.broker import Broker
from folkmoot.ports.clock import Clock
from folkmoot.ports.desk import Part
from folkmoot.ports.exchange import Exchange
from folkmoot.ports.observer import Observer
from folkmoot.ports.store import Store
from folkmoot.stores.memory.store import MemoryStore
from folkmoot.stores.sqlite.store import SqliteStore
from folkmoot.tools.registry import Toolbox
from folkmoot.upkeep.fleet import Bounds, Fleet

if TYPE_CHECKING:
    from folkmoot.telemetry.export import Exporter
    from folkmoot.telemetry.gauges import Gauges
    from folkmoot.telemetry.hotstate.mirror import Mirror

Page = Callable[[], Awaitable[bytes]]
"""Makes the text of /metrics."""


def make_catalog(sources: Sequence[Source], agents: Sequence[Agent]) -> Agents:
    """Return the agents: those of the sources, and those given in code."""
    found = Agents(sources)
    for agent in agents:
        found.add(agent)
    return found


def make_sources(settings: Settings, known: Known, clock: Clock) -> list[Source]:
    """Return the places that agents come from. Raises SettingsInvalid."""
    ground = Ground(workspaces=settings.workspaces, known=known)
    return [_source(place, settings, ground, clock) for place in settings.agents]


def _source(place: str, settings: Settings, ground: Ground, clock: Clock) -> Source:
    scheme, colon, rest = place.partition("://")
    if not colon:
        return Directory(Path(place), ground)
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise SettingsInvalid(
            f"FOLKMOOT_AGENTS names {place!r}, which is no place that agents come from.",
            kept="Nothing was started.",
            todo="Use a folder, an agent file, or s3://bucket/prefix.",
        )
    if find_spec("obstore") is None:
        raise SettingsInvalid(
            "FOLKMOOT_AGENTS names a bucket, and the library obstore is not installed.",
            kept="Nothing was started.",
            todo="Install it: pip install 'folkmoot[s3]'.",
        )
    from folkmoot.agents import bucket as buckets  # noqa: PLC0415 - needs the extra
    from folkmoot.agents.parcel import Parcels  # noqa: PLC0415

    where = buckets.Place(
        bucket=bucket, prefix=prefix.strip("/"), endpoint=settings.agents_endpoint
    )
    return buckets.Bucket(
        where, ground, Parcels(settings.agents_cache), ttl_s=settings.agents_ttl_s, clock=clock
    )


def names_known(models: Models, toolbox: Toolbox, programs: Collection[str]) -> Known:
    """Return what agent files may name."""

    def bind(agent: Agent, name: str, options: dict[str, Any]) -> object:
        return toolbox.bind(msgspec.structs.replace(agent, tools=(ToolUse(name, options),)))

    return Known(
        programs=programs,
        providers=models.providers,
        tools=toolbox.names(),
        program=_options,
        model=models.check,
        tool=bind,
        rule=toolbox.services.check,
        schedule=SlotCalendar().check,
    )


def _options(agent: Agent) -> None:
    """Refuse options that nobody would read."""
    if agent.program == "loop" and agent.options:
        names = ", ".join(sorted(agent.options))
        raise Invalid(f"The program `loop` has no options; found {names}.")


_POSTGRES = {"postgres", "postgresql"}


def make_store(settings: Settings, clock: Clock) -> Store:
    """Return the store that a URL names. Raises SettingsInvalid."""
    scheme, _, rest = settings.store.partition("://")
    if scheme == "memory":
        return MemoryStore(clock)
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return SqliteStore(Path(rest[1:]), synchronous=settings.synchronous)
    if scheme in _POSTGRES:
        return _postgres_store(settings.store)
    raise SettingsInvalid(
        f"FOLKMOOT_STORE is {scheme}://…, which is not a store.",
        kept="Nothing was started.",
        todo="Use sqlite:///relative.db, sqlite:////absolute.db, postgresql://user@host/db or memory://.",
    )


async def upgrade_store(settings: Settings) -> list[int]:
    """Apply the migrations that the store lacks, and return their numbers.

    Only PostgreSQL waits to be asked; the other stores look after themselves when they are opened.
    """
    if settings.store.partition("://")[0] not in _POSTGRES:
        return []
    _need_asyncpg()
    from folkmoot.stores.postgres.migrate import upgrade  # noqa: PLC0415 - needs the extra

    return await upgrade(settings.store)


def _postgres_store(url: str) -> Store:
    _need_asyncpg()
    from folkmoot.stores.postgres.store import PostgresStore  # noqa: PLC0415 - needs the extra

    return PostgresStore(url)


def _need_asyncpg() -> None:
    if find_spec("asyncpg") is None:
        raise SettingsInvalid(
            "FOLKMOOT_STORE names PostgreSQL, and the library asyncpg is not installed.",
            kept="Nothing was started.",
            todo="Install it: pip install 'folkmoot[postgres]'.",
        )


_BROKERS = {
    "redis": ("redis", "redis"),
    "rediss": ("redis", "redis"),
    "nats": ("nats", "nats"),
    "amqp": ("rabbitmq", "aio_pika"),
    "amqps": ("rabbitmq", "aio_pika"),
    "postgres": ("postgres", "asyncpg"),
    "postgresql": ("postgres", "asyncpg"),
}
"""Scheme -> extra (and folder in brokers), library."""


def make_broker(settings: Settings) -> Broker:
    """Return the broker that a URL names. Raises SettingsInvalid."""
    home = _home(settings)
    if home is None:
        return LocalBroker()
    made: Broker = home.connect(settings.broker)
    return made


def make_exchange(settings: Settings) -> Exchange:
    """Return the exchange of events at the same URL. Raises SettingsInvalid."""
    home = _home(settings)
    if home is None:
        return LocalExchange()
    made: Exchange = home.exchange(settings.broker)
    return made


def _home(settings: Settings) -> Any:
    """Return the module that makes what a URL names; None for what stays in this process."""
    scheme = settings.broker.partition("://")[0]
    if scheme == "local":
        return None
    if scheme not in _BROKERS:
        raise SettingsInvalid(
            f"FOLKMOOT_BROKER is {scheme}://…, which is not a broker.",
            kept="Nothing was started.",
            todo="Use local://, redis://, rediss://, nats://, amqp://, amqps:// or postgres://.",
        )
    extra, library = _BROKERS[scheme]
    if find_spec(library) is None:
        raise SettingsInvalid(
            f"FOLKMOOT_BROKER is {scheme}://…, and the library {library} is not installed.",
            kept="Nothing was started.",
            todo=f"Install it: pip install 'folkmoot[{extra}]'.",
        )
    return import_module(f"folkmoot.brokers.{extra}.broker")


def broker_shown(settings: Settings) -> str:
    """Return the broker's URL without what is secret in it."""
    return address.read(settings.broker).shown


class Watching(msgspec.Struct):
    """What observes a running system: the page of metrics, and what must be started and closed."""

    metrics: Page
    event: Callable[[str], None]
    exporter: "Exporter | None" = None
    mirror: "Mirror | None" = None

    async def health(self) -> list[Part]:
        """Tell how the mirror is, where there is one."""
        if self.mirror is None:
            return []
        detail = "" if self.mirror.up else "Redis is away; runs do not mind"
        return [Part(name="hotstate", ok=self.mirror.up, detail=detail, critical=False)]

    async def start(self) -> None:
        """Begin to mirror."""
        if self.mirror is not None:
            await self.mirror.start()

    async def close(self) -> None:
        """Send what waits."""
        if self.mirror is not None:
            await self.mirror.stop()
        if self.exporter is not None:
            await self.exporter.stop()


def make_fleet(settings: Settings, kept: Store, clock: Clock, me: str) -> Fleet:
    """Return what watches over the fleet."""
    bounds = Bounds(stuck_s=settings.stuck_s, wait_s=settings.wait_s, queue=settings.queue_limit)
    return Fleet(kept, clock, me, bounds)


def observe(
    settings: Settings, observers: list[Observer], kept: Store, clock: Clock, fleet: Fleet
) -> Watching:
    """Add the observers that the settings ask for."""
    from folkmoot.telemetry.logs import Logs  # noqa: PLC0415 - nobody who only asks needs them
    from folkmoot.telemetry.metrics import Metrics, StoreTotals  # noqa: PLC0415

    def totals() -> StoreTotals:
        writer = getattr(kept, "writer", None)
        return StoreTotals(commits=writer.commits, sets=writer.sets) if writer else StoreTotals()

    metrics = Metrics(settings.metrics_agents, totals)
    observers.append(metrics)
    observers.append(Logs(settings.log_level))

    async def ask(gauges: "Gauges") -> None:
        gauges.count(await kept.counts())
        look = await fleet.look()
        gauges.stand(look.standing, look.now)
        gauges.lead(look.lease, fleet.me)

    watching = Watching(lambda: metrics.gathered(ask), metrics.event)
    if settings.traces:
        from folkmoot.telemetry.export import connect  # noqa: PLC0415 - needs the extra `otel`
        from folkmoot.telemetry.traces import Traces  # noqa: PLC0415

        watching.exporter = connect(settings.traces, version("folkmoot"))
        observers.append(Traces(watching.exporter.send))
    mirror = watching.mirror = make_mirror(settings, kept, clock)
    if mirror is not None:
        metrics.mirrored(lambda: (mirror.up, mirror.dropped))
        observers.append(mirror)
    return watching


_REDIS = {"redis", "rediss"}


def make_mirror(settings: Settings, kept: Store, clock: Clock) -> "Mirror | None":
    """Return what mirrors live state into Redis, or None where there is no Redis, or no wish."""
    given = settings.hotstate or settings.broker
    scheme = given.partition("://")[0]
    if given == "off" or (not settings.hotstate and scheme not in _REDIS):
        return None
    if scheme not in _REDIS:
        raise SettingsInvalid(
            "FOLKMOOT_HOTSTATE is not the URL of a Redis.",
            kept="Nothing was started.",
            todo="Use redis://host:port/db, rediss://…, or off; leave it empty for the broker's Redis.",
        )
    if find_spec("redis") is None:
        raise SettingsInvalid(
            "FOLKMOOT_HOTSTATE names a Redis, and the library redis is not installed.",
            kept="Nothing was started.",
            todo="Install it: pip install 'folkmoot[redis]'.",
        )
    from folkmoot.telemetry.hotstate import keys, mirror, packets, server  # noqa: PLC0415 - the extra

    at = address.read(given)
    target = server.Server(at.url, at.shown, at.clean, warn)
    names = keys.Keys(at.prefix, settings.hotstate_keep_s)
    return mirror.Mirror(target, names, clock, packets.Packets(kept).of, report)


async def mirrored(settings: Settings, kept: Store, clock: Clock) -> list[Part]:
    """Tell whether the mirror's Redis answers, where there is one."""
    mirror = make_mirror(settings, kept, clock)
    if mirror is None:
        return []
    up = await mirror.reached()
    detail = "Redis answers" if up else "Redis does not answer"
    todo = "See that the Redis of FOLKMOOT_HOTSTATE (or FOLKMOOT_BROKER) runs; runs do not mind."
    return [Part(name="hotstate", ok=up, detail=detail, critical=False, todo=todo)]


def warn(event: str, fields: dict[str, object]) -> None:
    """Log a line."""
    import structlog  # noqa: PLC0415 - only when there is something to say

    structlog.get_logger("folkmoot").warning(event, **fields)


def report(event: str, run: str, fault: BaseException | None) -> None:
    """Log what no caller can be told."""
    import structlog  # noqa: PLC0415 - only when there is something to say

    log = structlog.get_logger("folkmoot")
    log.warning(
        event, run=run, exc_info=fault if event.endswith("broke") else None, error=str(fault)
    )


def tell(news: News) -> None:
    """Log what a reading of the agents' sources brought."""
    if news == News():
        return
    import structlog  # noqa: PLC0415 - only when there is something to say

    log = structlog.get_logger("folkmoot")
    if news.came or news.changed or news.gone:
        log.info("agents_changed", came=news.came, changed=news.changed, gone=news.gone)
    for mistake in news.fresh:
        log.error("agent_file_wrong", error=str(mistake))
    for fault in news.failed:
        log.error("agents_unreachable", error=str(fault))
    for source in news.back:
        log.info("agents_reachable", source=source)


async def loopback(through: Broker) -> None:
    """Send an event through a broker and wait for it. A name of its own: others probe, too."""
    topic = f"health.{token_hex(4)}"
    async with through.listen(topic) as events:
        await through.publish(Event(topic))
        await asyncio.wait_for(anext(events), 5.0)
