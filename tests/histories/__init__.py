"""The recorded histories of the shop's workflows, a folder per version."""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
TASKS_FOLDER: Final = FOLDER / "tasks"
"""Those of tasks; the orders' lie beside it."""
