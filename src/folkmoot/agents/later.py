"""Fields whose machinery is not in this version: known by name, refused when used.

A field that is taken and then ignored is the worst answer: somebody believes in a skill, a tier or a
secret that nothing acts upon. So each is refused where it stands, with what can be done instead.
"""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

# What the field will say, and what is possible today.
LATER: Final[dict[str, tuple[str, str]]] = {
    "channels": (
        "Conversations elsewhere that the agent reads and posts to.",
        "put what was said into the task's input",
    ),
    "mcp": (
        "MCP servers whose tools the agent may call.",
        "write a tool as a Python function and load it as a plugin",
    ),
    "skills": ("Instructions that are read when they are needed.", "put them into instructions"),
    "memory": (
        "What the agent remembers from run to run.",
        "let it keep a file in its workspace with files_read and files_write",
    ),
    "delegates": (
        "Agents that this one may hand work to.",
        "submit a task for each agent from outside",
    ),
    "executor": (
        "A coding agent that does the work instead of a program.",
        "use program: loop with the tools files and shell",
    ),
    "tier": (
        "How far the agent is trusted, from T0 to T4.",
        "say it with grants, deny, approvals and limits",
    ),
    "packet": (
        "The instruction packet without which a governed agent is refused.",
        "say it with instructions, grants and limits",
    ),
    "targets": (
        "What the agent may act upon.",
        "name resources in grants, such as files:write:docs/**",
    ),
    "rate": ("How often the agent may act.", "use limits and budget"),
    "egress": (
        "Where data with which label may go.",
        "name hosts in grants; sandboxes have no network unless sandbox.network says so",
    ),
    "secrets": (
        "Secrets that tools get, outside the model's sight.",
        "name environment variables in sandbox.env, and the model's key in model.api_key_env",
    ),
}


def _refuse(_: Any, info: ValidationInfo) -> Any:
    what, today = LATER[str(info.field_name)]
    raise PydanticCustomError("later", "not in this version", {"what": what, "today": today})


Later = Annotated[Any, BeforeValidator(_refuse), WithJsonSchema({"not": {}})]


def later(name: str) -> Any:
    """Return the declaration of a field that is refused in this version."""
    what, today = LATER[name]
    words = f"Not in this version. {what} Today: {today}."
    return Field(default=None, description=words, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)
