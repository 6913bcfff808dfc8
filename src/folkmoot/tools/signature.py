"""A function's signature as JSON Schema, and arguments from a model as Python values.

Fields of the pydantic model have names of their own (`arg0`) and the arguments' names as aliases,
so that an argument may be called `schema`, `json` or `_x` without meeting pydantic's own names.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema

from folkmoot.core.errors import Invalid
from folkmoot.ports.tool import ToolContext

_NAMED = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}


class _Untitled(GenerateJsonSchema):
    """Without titles: they repeat the names, and every request pays for them."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's shape
        return False


class Signature:
    """What a function takes. `context` is the name of its ToolContext parameter, or empty."""

    def __init__(self, function: Callable[..., Any], descriptions: Mapping[str, str]) -> None:
        self._where = f"{function.__module__}.{function.__qualname__}"
        hints = self._hints(function)
        parameters = inspect.signature(function).parameters.values()
        self.context = next((p.name for p in parameters if hints.get(p.name) is ToolContext), "")
        self._parameters = [p for p in parameters if p.name != self.context]
        for parameter in self._parameters:
            self._check(parameter, hints)
        self.names = [parameter.name for parameter in self._parameters]
        """The arguments that the model gives."""
        self._fields = [f"arg{number}" for number in range(len(self._parameters))]
        try:
            self._model = self._make(hints, descriptions)
            self._validate = self._model.__pydantic_validator__.validate_python
            self.schema = self._schema()
        except PydanticUserError as fault:
            why = fault.message.splitlines()[0]
            raise Invalid(f"A type of {self._where} has no JSON Schema: {why}") from None
        self.defaults = {
            p.name: p.default for p in self._parameters if p.default is not inspect.Parameter.empty
        }

    def read(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as the function's types want them. Raises Invalid."""
        try:
            model = self._validate(dict(args))
        except ValidationError as fault:
            errors = fault.errors(include_input=False, include_url=False)
            mistakes = [f"`{'.'.join(map(str, e['loc']))}`: {e['msg']}." for e in errors]
            raise Invalid("Wrong arguments: " + " ".join(mistakes)) from None
        return dict(zip(self.names, [getattr(model, field) for field in self._fields], strict=True))

    def _hints(self, function: Callable[..., Any]) -> dict[str, Any]:
        try:
            return get_type_hints(function, include_extras=True)
        except NameError as fault:
            raise Invalid(
                f"A type of {self._where} is not known: {fault}.",
                todo="Define or import it at the top of the module, before the function.",
            ) from None

    def _check(self, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> None:
        if parameter.kind not in _NAMED:
            raise Invalid(
                f"The parameter {parameter.name!r} of {self._where} has no name for a model to use.",
                todo="Write it as an ordinary parameter (no *args, **kwargs, or `/`).",
            )
        if parameter.name not in hints:
            raise Invalid(
                f"The parameter {parameter.name!r} of {self._where} has no type.",
                todo="Give it one: the model is told its JSON Schema.",
            )

    def _make(self, hints: Mapping[str, Any], descriptions: Mapping[str, str]) -> type[BaseModel]:
        fields: dict[str, Any] = {}
        for number, parameter in enumerate(self._parameters):
            given = parameter.default is not inspect.Parameter.empty
            about: dict[str, Any] = {"alias": parameter.name}
            if parameter.name in descriptions:  # else the type's own description stays
                about["description"] = descriptions[parameter.name]
            default = parameter.default if given else ...
            fields[f"arg{number}"] = (hints[parameter.name], Field(default, **about))
        config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)
        return create_model("Arguments", __config__=config, **fields)

    def _schema(self) -> dict[str, Any]:
        schema = self._model.model_json_schema(by_alias=True, schema_generator=_Untitled)
        for shape in (schema, *schema.get("$defs", {}).values()):
            shape.pop("title", None)
        schema.setdefault("properties", {})
        return schema
