"""The workspace of a command: a real folder, by its real path."""

from pathlib import Path

from folkmoot.core.errors import SandboxFault


def real(workspace: Path) -> Path:
    """Return a workspace's real path. Raises SandboxFault when it is not a folder."""
    try:
        path = workspace.resolve(strict=True)
    except (OSError, RuntimeError) as fault:
        raise SandboxFault(f"The workspace {workspace} cannot be used: {fault}.") from fault
    if not path.is_dir():
        raise SandboxFault(f"The workspace {workspace} is not a folder.")
    return path
