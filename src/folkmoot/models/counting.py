"""Counting tokens where no provider did: one fixed, rough rule, so that a count can be foretold.

Input is 4 characters a token of the instructions, and `rough_tokens` of every message. Output is
`rough_tokens` of the reply. Tool schemas are not counted.
"""

from folkmoot.core.messages import Answered, ToolCall, rough_tokens
from folkmoot.core.spend import Usage
from folkmoot.ports.model import Request


def rough_usage(request: Request, text: str, calls: tuple[ToolCall, ...] = ()) -> Usage:
    """Return the usage of a reply by the rule above."""
    asked = len(request.system) // 4
    for message in request.messages:
        asked += rough_tokens(message)
    return Usage(asked, rough_tokens(Answered(text, calls)))
