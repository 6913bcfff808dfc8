"""Paths as a model writes them: relative to the workspace, normalised, judged by segments.

The permission that a call needs carries the normalised path, and the call opens exactly that path,
so `docs/../secrets` cannot be judged as one file and opened as another. Links are not followed
(workspace.py): what is judged is what is opened.
"""

from posixpath import normpath

from folkmoot.core.grants import Grant
from folkmoot.core.verdict import Need
from folkmoot.tools.trouble import Trouble

ROOT = "."


def normal(text: str) -> str:
    """Return the path below the workspace that `text` means. Raises Trouble when there is none."""
    if not text or "\0" in text or not encodes(text):
        raise Trouble("BAD_PATH", f"{text!r} is not a path.")
    path = normpath(text)
    if path.startswith("/"):
        raise Trouble(
            "OUTSIDE_WORKSPACE", f"{text!r} is absolute; paths are relative to the workspace."
        )
    if path.split("/", 1)[0] == "..":
        raise Trouble("OUTSIDE_WORKSPACE", f"{text!r} leads out of the workspace.")
    return path


def need(action: str, text: str) -> Need:
    """Return the permission to do `action` with a path; outside the workspace it is not ordinary."""
    try:
        return Need(Grant("files", action, normal(text)), ordinary=True)
    except Trouble:
        return Need(Grant("files", action, text or ROOT), ordinary=False)


def form(pattern: str) -> str:
    """Return a pattern as it could fit a path: without `./` before it and `/` behind it."""
    while pattern.startswith("./"):
        pattern = pattern[2:]
    bare = pattern.rstrip("/")
    return pattern if bare in {"", pattern} else f"{bare}/**"


def join(folder: str, name: str) -> str:
    """Return the path of a name in a folder."""
    return name if folder == ROOT else f"{folder}/{name}"


def encodes(text: str) -> bool:
    """Whether a text can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
