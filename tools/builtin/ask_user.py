"""Asks the person whom the run is for: the graph interrupts, and their answer is the tool's."""

from tools.calls import Call, ToolFailed
from tools.definitions import SideEffect, Tool

TOOL = Tool(
    name="ask_user",
    version=1,
    kind="builtin",
    description="Asks the user a question and waits for the answer. Only for what nothing else can tell.",
    parameters={
        "type": "object",
        "properties": {
            "question": {"type": "string", "minLength": 1, "maxLength": 2000},
            "options": {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": 200},
                "maxItems": 20,
                "description": "Answers to choose from, if there are only these.",
            },
        },
        "required": ["question"],
        "additionalProperties": False,
    },
    side_effect=SideEffect.NONE,
    invocation={},
)


async def answer(call: Call) -> str:
    raise ToolFailed("Nobody can be asked here: this tool works only inside a run.")
