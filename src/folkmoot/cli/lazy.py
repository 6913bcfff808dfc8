"""Commands that are imported when they are asked for, and options that are one value.

A command is a function of one frozen struct: its fields are the arguments and options, in order, and
the structs inherit what commands share (options.py). typer wants a flat signature; `_flat` gives it.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from inspect import Parameter, Signature
from typing import Any, get_type_hints

import typer
from typer.core import TyperGroup

from folkmoot.cli.table import COMMANDS, SECTIONS


class _Commands(Mapping[str, Any]):
    """The commands by name; looking one up imports its module."""

    def __getitem__(self, name: str) -> Any:
        home = import_module(f"folkmoot.cli.commands.{COMMANDS[name].module}")
        found = getattr(home, name)
        return typer.main.get_command(found if isinstance(found, typer.Typer) else single(found))

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class LazyGroup(TyperGroup):
    """The top of the command tree. Its help comes from the table, not from the commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": _Commands()})

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the framework's signature
        """Return all names without importing anything."""
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - as above
        """Write the table of commands, section by section."""
        for title, lines in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, line.help) for name, line in lines.items()])

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what it returns is the exit code."""
        from folkmoot.cli import session  # noqa: PLC0415 - not for --help
        from folkmoot.cli.exits import Exit  # noqa: PLC0415

        session.composer.set(ctx.obj)
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _forget_stdout()
            code = Exit.INTERRUPTED
        raise typer.Exit(int(code or 0))


def _forget_stdout() -> None:
    """Point stdout at nothing: the reader is gone, and the interpreter flushes once more at exit."""
    with open("/dev/null", "wb") as nowhere:  # noqa: PTH123 - a file number is all that is wanted
        import os  # noqa: PLC0415 - this path only

        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def single(act: Callable[[Any], Any], **settings: Any) -> typer.Typer:
    """Return an app of one command."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    add(app, act, **settings)
    return app


def add(app: typer.Typer, act: Callable[[Any], Any], **settings: Any) -> None:
    """Add a command that takes its options as one struct."""
    app.command(**{"name": act.__name__, **settings})(_flat(act))


def _flat(act: Callable[[Any], Any]) -> Callable[..., Any]:
    [options] = [kind for name, kind in get_type_hints(act).items() if name != "return"]
    hints = get_type_hints(options, include_extras=True)
    names = sorted(options.__struct_fields__, key=partial(_depth, options))

    def command(**given: Any) -> Any:
        return act(options(**given))

    signature = Signature([_parameter(options, name, hints[name]) for name in names])
    command.__dict__["__signature__"] = signature  # where inspect, and so typer, looks for it
    command.__annotations__ = {name: hints[name] for name in names}
    command.__doc__ = act.__doc__
    return command


def _depth(options: Any, name: str) -> int:
    """Return how far up an option was declared: a command's own stand before those all share."""
    homes = options.__mro__
    return next(at for at, home in enumerate(homes) if name in home.__annotations__)


def _parameter(options: Any, name: str, hint: Any) -> Parameter:
    import msgspec  # noqa: PLC0415 - not for --help

    field = next(f for f in msgspec.structs.fields(options) if f.name == name)
    default = Parameter.empty if field.required else field.default
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=hint)
