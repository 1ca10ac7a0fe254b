"""The names of the chat graph's nodes, by which they send each other on and events are told."""

from typing import Final

CONTEXTUALIZE: Final = "contextualize"
RETRIEVE: Final = "retrieve"
RESPOND: Final = "respond"
REVIEW: Final = "review"
ACT: Final = "act"
CITE: Final = "cite"
