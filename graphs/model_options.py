"""What a caller may ask of the model that answers, in the words of OpenAI-compatible endpoints."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Penalty = Annotated[float, Field(ge=-2, le=2)]
StopText = Annotated[str, Field(min_length=1, max_length=200)]


class Function(BaseModel):
    """`parameters` is a JSON Schema."""

    model_config = ConfigDict(extra="ignore")

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: Annotated[str, Field(max_length=10_000)] | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(BaseModel):
    """A function that the caller runs, not Atrium."""

    type: Literal["function"] = "function"
    function: Function


class NamedFunction(BaseModel):
    name: str = Field(max_length=64)


class NamedTool(BaseModel):
    type: Literal["function"] = "function"
    function: NamedFunction


class ModelOptions(BaseModel):
    """All unset means: as the deployment's model does by itself, without tools of the caller."""

    model_config = ConfigDict(hide_input_in_errors=True, allow_inf_nan=False)

    tools: Annotated[list[Tool], Field(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: StopText | Annotated[list[StopText], Field(max_length=4)] | None = None

    @property
    def sent(self) -> dict[str, Any]:
        """Those that are set, as JSON: what `ainvoke` of a chat model takes as keywords."""
        options = self.model_dump(mode="json", include=set(ModelOptions.model_fields), exclude_none=True)
        if isinstance(self.stop, str):
            options["stop"] = [self.stop]
        # Endpoints refuse an empty list, and a choice among nothing.
        if not self.tools:
            for name in ("tools", "tool_choice", "parallel_tool_calls"):
                options.pop(name, None)
        return options
