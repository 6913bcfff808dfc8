"""The rivals' own venvs: `.venv-bench…`, made on first use, made anew when their requirements change."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from bench.ruler import ROOT

FOLDER = ROOT / ".venv-bench"
REQUIREMENTS = ROOT / "bench" / "requirements.txt"
_STAMP = "requirements.sha256"


class NotInstalled(Exception):
    """The rivals could not be installed; the text says why."""


def python(folder: Path = FOLDER, requirements: Path | None = None) -> Path:
    """Return a venv's Python, after making the venv if need be. Raises NotInstalled."""
    requirements = REQUIREMENTS if requirements is None else requirements
    binary = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    stamp = folder / _STAMP
    if binary.exists() and stamp.exists() and stamp.read_text() == wanted:
        return binary
    print(f"Installing the rivals into {folder.name} …", file=sys.stderr)
    for command in commands(folder, binary, requirements):
        _run(command)
    stamp.write_text(wanted)
    return binary


def named(name: str) -> Path:
    """Return the Python of the venv of `bench/NAME.txt`. Raises NotInstalled."""
    return python(ROOT / f".venv-bench-{name}", ROOT / "bench" / f"{name}.txt")


def commands(folder: Path, binary: Path, requirements: Path) -> list[list[str]]:
    """Return what makes the venv: with uv where it is, else with venv and pip."""
    here, wanted = str(folder), str(requirements)
    if uv := shutil.which("uv"):
        return [
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, here],
            [uv, "pip", "install", "--quiet", "--python", str(binary), "-r", wanted],
        ]
    return [
        [sys.executable, "-m", "venv", "--clear", here],
        [str(binary), "-m", "pip", "install", "--quiet", "-r", wanted],
    ]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing")[-2000:]
        raise NotInstalled(f"`{' '.join(command[:3])} …` ended with {done.returncode}: {said}")
