"""Trouble: a call that cannot be done as asked, in words with which the model can do better."""

from folkmoot.ports.tool import ToolResult


class Trouble(Exception):
    """`code` is stable, `text` is for the model."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    def result(self) -> ToolResult:
        """Return it as the outcome of a call."""
        return ToolResult(self.text, self.code)
