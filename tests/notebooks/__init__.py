"""The notebooks: each is a script whose cells jupytext knows, and an .ipynb of the same cells with their outputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import jupytext
import nbformat
from nbclient import NotebookClient

if TYPE_CHECKING:
    from nbformat import NotebookNode

FOLDER = Path(__file__).parents[2] / "notebooks"
WAIT = 120
"""Seconds that a cell may take on a busy machine."""


def notebooks() -> list[Path]:
    """Their scripts."""
    return sorted(FOLDER.glob("*.py"))


def run(script: Path) -> NotebookNode:
    """The cells of *script*, run in a kernel of this Python."""
    return execute(jupytext.read(script))


def execute(notebook: NotebookNode) -> NotebookNode:
    """The notebook, run in a kernel of this Python whose working directory is that of the notebooks."""
    resources = {"metadata": {"path": str(FOLDER)}}
    return NotebookClient(notebook, kernel_name="python3", timeout=WAIT, resources=resources).execute()


def write(script: Path, notebook: NotebookNode) -> None:
    """Keep it beside its script, without what differs from one run to the next."""
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = {}
    notebook.metadata = {
        "jupytext": {"formats": "ipynb,py:percent"},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, script.with_suffix(".ipynb"))
