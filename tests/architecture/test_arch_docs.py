import re
import subprocess
from pathlib import Path

import pytest

from folkmoot.cli.exits import MEANING
from folkmoot.cli.lazy import _Commands
from folkmoot.cli.table import COMMANDS
from folkmoot.config import Settings

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
WORDS = (
    "Agent", "Task", "Run", "Step", "Entry", "View", "Program", "Gate", "Policy", "Verdict", "Grant",
    "Tier", "Spend", "Budget", "Effect class", "Lease", "Fence", "Ledger", "Channel"
)  # fmt: skip
# Ours to know and nobody's to read: paths of one machine, hosts that one machine installs from.
PRIVATE = (
    "/wo" + "rk/",
    "/ro" + "ot/",
    "/opt/" + "pypi",
    "/opt/" + "wheels",
    "pypi" + ".org",
    "python" + "hosted",
    "registry." + "npmjs",
)


def sections(page: str) -> dict[str, str]:
    """Return the text under each `### heading`."""
    parts = re.split(r"(?m)^### (.+)$", page)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def commands() -> list:
    """Return every command with its full name."""
    found = []
    for name in COMMANDS:
        command = _Commands()[name]
        inner = getattr(command, "commands", None)
        for word, one in inner.items() if inner else [("", command)]:
            full = f"{name} {word}".strip()
            found.append(pytest.param(full, one, id=full))
    return found


@pytest.fixture(scope="module")
def page(root):
    def read(path: str) -> str:
        return (root / "docs" / path).read_text(encoding="utf-8")

    return read


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_is_documented_with_all_it_takes(page, name, command):
    text = page("reference/cli.md")
    section = sections(text)[name]
    assert command.help.splitlines()[0] in section
    shared = text.split("## Exit codes", maxsplit=1)[0]
    for param in command.params:
        if param.name == "help":
            continue
        rows = section if f"| {param.help} |" in section else shared + section
        assert f"| {param.help} |" in rows or f"`--{param.name}`" in section, param.name
        if param.param_type_name == "option":
            assert param.opts[0] in rows


def test_no_command_is_documented_that_is_not_there(page):
    known = {param.values[0] for param in commands()}
    assert set(sections(page("reference/cli.md"))) == known


def test_every_exit_code_is_documented(page):
    text = page("reference/cli.md")
    for code, meaning in MEANING.items():
        assert f"| {int(code)} | {meaning} |" in text


def test_every_setting_is_documented_with_its_default(page):
    rows = {
        row[1].strip("`"): row
        for row in (
            [cell.strip() for cell in line.split("|")]
            for line in page("reference/settings.md").splitlines()
            if line.startswith("| `FOLKMOOT_")
        )
    }
    assert set(rows) == {f"FOLKMOOT_{name.upper()}" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        _, _, _, default, meaning, _ = rows[f"FOLKMOOT_{name.upper()}"]
        assert meaning == field.description
        written = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
        if isinstance(field.default, tuple):
            written = ",".join(field.default)
        assert default.strip("`") == ("" if field.default in ((), "") else written)


def test_every_word_of_the_design_is_in_the_glossary(page):
    text = page("glossary.md")
    assert [word for word in WORDS if f"| **{word}** |" not in text] == []


def test_the_glossary_is_in_order(page):
    words = re.findall(r"(?m)^\| \*\*(.+?)\*\* \|", page("glossary.md"))
    assert words == sorted(words, key=str.lower)


def tracked(root: Path) -> list[Path]:
    """Return the project's text files, as its repository names them."""
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
    )
    files = [root / name for name in done.stdout.split("\0") if name]
    return [file for file in files if file.is_file() and b"\0" not in file.read_bytes()[:1024]]


def test_every_link_between_pages_leads_somewhere(root):
    broken = [
        f"{page.relative_to(root)}: {target}"
        for page in tracked(root)
        if page.suffix == ".md"
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken, "\n".join(broken)


def test_the_project_speaks_of_itself_alone(root):
    found = [
        f"{file.relative_to(root)}: {word}"
        for file in tracked(root)
        for word in PRIVATE
        if word in file.read_text(encoding="utf-8")
    ]
    assert not found, "\n".join(found)


def test_the_examples_of_the_quickstart_are_commands(page):
    for line in re.findall(r"(?m)^    (folkmoot .+)$", page("quickstart.md")):
        for command in line.split("#")[0].split(";"):
            assert command.split()[1] in COMMANDS
