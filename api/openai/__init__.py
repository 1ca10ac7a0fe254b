"""Atrium as OpenAI's clients know it: assistants are models, a run is a chat completion."""

from api.openai import chat_completions, models

ROUTERS = (chat_completions.router, models.router)
