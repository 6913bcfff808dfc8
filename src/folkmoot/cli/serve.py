"""The life of `up`, `worker`, `coordinator` and `api`.

States: starting, ready, stopping, stopped. The first SIGTERM or SIGINT makes it stop: it takes no
more work and gives the steps that run `grace_s` seconds to finish; runs that are not done by then go
back to the queue, with all they have journaled. The second signal ends the grace at once. SIGHUP
makes it read again where its agents come from.
"""

import os
from collections.abc import Collection
from typing import TYPE_CHECKING

from folkmoot.cli import session
from folkmoot.cli.exits import Exit
from folkmoot.cli.output import Output
from folkmoot.cli.stop import Stop
from folkmoot.cli.text import many
from folkmoot.core import address
from folkmoot.core.errors import FolkmootError

if TYPE_CHECKING:
    from folkmoot.config import Settings
    from folkmoot.ports.desk import Desk, Reloaded


async def until_stopped(settings: "Settings", out: Output, roles: Collection[str]) -> Exit:
    """Run the system, or a part of it, until a signal stops it."""
    session.own(settings)
    system = session.system(settings)
    with Stop(hangups=True) as stop:
        await stop.during(system.join())
        if not stop.asked:
            await _run(system, out, roles, stop)
        out.document({"event": "stopped"})
        out.say("Stopped. Nothing is lost: what is open goes on with the next `folkmoot up`.")
        return Exit.INTERRUPTED if stop.insisted else Exit.OK


async def _run(system: session.System, out: Output, roles: Collection[str], stop: Stop) -> None:
    async with system.running(roles) as desk:
        settings = system.settings
        await _announce(settings, out, desk, system.http_port if "api" in roles else None)
        await stop.during(_reload(stop, system, out))
        out.document({"event": "stopping", "grace_s": settings.grace_s})
        out.say(f"Stopping: steps get {settings.grace_s:g} s to finish; again to stop at once.")
        await stop.drain(system, settings.grace_s)


async def _reload(stop: Stop, system: session.System, out: Output) -> None:
    """Read again with every SIGHUP; a mistake or an outage changes nothing, and is said."""
    while True:
        await stop.hung_up()
        try:
            found = await system.reload()
        except FolkmootError as fault:
            out.document({"event": "reload_failed", "error": fault.code, "message": fault.message})
            out.warn(f"Not read again: {fault}")
            continue
        out.document({"event": "reloaded", **_reloaded(found)})
        out.say(f"Read again: {many(len(found.agents), 'agent')}.", "green")
        for mistake in found.mistakes:
            out.warn(f"BAD  {mistake}")
        if found.later:
            out.warn(f"These settings wait for the next start: {', '.join(found.later)}.")


def _reloaded(found: "Reloaded") -> dict[str, object]:
    return {"agents": found.agents, "mistakes": found.mistakes, "later": found.later}


async def _announce(settings: "Settings", out: Output, desk: "Desk", port: int | None) -> None:
    agents = [agent.name for agent in desk.agents()]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = None if port is None else f"http://{host}:{port}"
    out.document({"event": "ready", "pid": os.getpid(), "url": url, "agents": agents})
    names = (
        f": {', '.join(agents)}"
        if agents
        else f" in {', '.join(settings.agents)} yet (`folkmoot init`)"
    )
    out.say(f"Folkmoot is ready: {many(len(agents), 'agent')}{names}", "green")
    out.say(f"store    {address.shown(settings.store)}")
    if url is not None:
        out.say(
            f"API      {url}/v1   (docs: {url}/docs, health: {url}/health, metrics: {url}/metrics)"
        )
    out.say("Ctrl-C stops it.", "dim")
