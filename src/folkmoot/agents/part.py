"""What the parts of an agent file are made of: the closed mapping, text-or-mapping, grant patterns."""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from folkmoot.core import grants
from folkmoot.core.errors import Invalid

# Tags of unions; the brackets keep them apart from any field's name in an error's path.
TEXT: Final = "<text>"
MAPPING: Final = "<mapping>"
_LONGEST: Final = 255  # bytes of one name, on every file system that counts
_TOOL = re.compile(r"\*|[A-Za-z][A-Za-z0-9_-]*")


class Part(BaseModel):
    """A mapping in which every key is known and no value is bent into another type."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, protected_namespaces=()
    )


def _which(value: Any) -> str | None:
    if isinstance(value, str):
        return TEXT
    return MAPPING if isinstance(value, dict | BaseModel) else None


def either(expected: str) -> Discriminator:
    """Return what tells text from a mapping; anything else is answered with `expected`."""
    return Discriminator(
        _which,
        custom_error_type="either",
        custom_error_message="expected {expected}",
        custom_error_context={"expected": expected},
    )


def wrong(expected: str, hint: str = "") -> PydanticCustomError:
    """Return the error for a value of the right type that does not say what it should."""
    return PydanticCustomError("wrong", "expected {expected}", {"expected": expected, "hint": hint})


def _pattern(text: str) -> str:
    try:
        grants.parse(text)
    except Invalid as fault:
        raise wrong("a grant", fault.message.rstrip(".")) from None
    return text


def _path(text: str) -> str:
    """Refuse what no file can be called; the file system would answer with a fault, not with no."""
    if "\0" in text or any(len(part.encode()) > _LONGEST for part in text.split("/")):
        raise wrong(f"a path whose names have at most {_LONGEST} bytes each")
    return text


def _grant(text: str) -> str:
    if text.startswith("tool:"):
        raise wrong("what the tool may do", "a tool is given by naming it under tools")
    return _pattern(text)


def _rule(text: str) -> str:
    service, _, name = text.partition(":")
    if service == "tool":
        if not _TOOL.fullmatch(name):
            raise wrong("tool:<name> or tool:*")
        return text
    if text.startswith("model:"):
        raise wrong("something a tool does", "models are chosen under model and fallbacks")
    return _pattern(text)


_WRITTEN: Final = {"type": "string", "pattern": r"^[^:\s]+:[^:\s]+(:.+)?$"}
GrantText = Annotated[str, AfterValidator(_grant), WithJsonSchema(_WRITTEN)]
RuleText = Annotated[str, AfterValidator(_rule), WithJsonSchema(_WRITTEN)]
PathText = Annotated[str, AfterValidator(_path)]
EnvName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]
Positive = Annotated[int, Field(ge=1)]
Usd = Annotated[float, Field(ge=0)]
