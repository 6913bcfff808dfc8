import pytest

from folkmoot.testing.contracts.tool import ToolContract, agent_with
from folkmoot.tools.registry import builtin


class FileContract(ToolContract):
    name = ""
    given = ()

    @pytest.fixture
    def tool(self):
        return builtin().bind(agent_with("files"))[self.name]

    @pytest.fixture
    def args(self):
        return dict(self.given)

    @pytest.fixture
    def context(self, workspace, request):
        (workspace / "notes.txt").write_text("one\ntwo\nthree\n")
        return request.getfixturevalue("files").context


class TestRead(FileContract):
    name = "files_read"
    given = (("path", "notes.txt"),)


class TestWrite(FileContract):
    name = "files_write"
    given = (("path", "new/file.txt"), ("content", "text"))


class TestEdit(FileContract):
    name = "files_edit"
    given = (("path", "notes.txt"), ("old", "two"), ("new", "2"))


class TestGlob(FileContract):
    name = "files_glob"
    given = (("pattern", "**"),)


class TestGrep(FileContract):
    name = "files_grep"
    given = (("pattern", "t"),)
