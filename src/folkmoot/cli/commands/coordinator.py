"""`folkmoot coordinator`: looks after the fleet; of all coordinators one leads."""

from folkmoot.cli import serve, session
from folkmoot.cli.exits import Exit
from folkmoot.cli.options import Options
from folkmoot.cli.output import Output


def coordinator(given: Options) -> Exit:
    """Run a coordinator alone: one of them leads."""
    settings = session.settings(given)
    return session.go(
        serve.until_stopped(settings, Output(json=given.json), ("coordinator",)), serves=True
    )
