"""The handbook of a company that does not exist: one document of each common kind."""

from pathlib import Path

FOLDER = Path(__file__).parent
DOCUMENTS = tuple(FOLDER / name for name in ("people.md", "travel-and-expenses.pdf", "it-security.docx"))
