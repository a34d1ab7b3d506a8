"""The notebooks run in a real kernel, and what is shipped with them is what they give."""

import jupytext
import nbformat
import pytest

from tests.notebooks import execute, notebooks, run


def texts(notebook):
    """What each cell printed, and the kinds of what it showed: figures and tables differ with fonts and pandas.

    A kernel hands on what a cell prints in one piece or in several, as it happens.
    """
    return [
        (
            "".join(output.get("text", "") for output in cell.outputs),
            [sorted(output.data) for output in cell.outputs if "data" in output],
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("script", notebooks(), ids=lambda script: script.stem)
def test_it_runs_and_gives_what_is_shipped(script):
    shipped = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    done = run(script)
    assert texts(done) == texts(shipped)
    assert not [output for cell in done.cells for output in cell.get("outputs", ()) if output.get("name") == "stderr"]


@pytest.mark.parametrize("script", notebooks(), ids=lambda script: script.stem)
def test_script_and_notebook_have_the_same_cells(script):
    shipped = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    assert [(cell.cell_type, cell.source) for cell in shipped.cells] == [
        (cell.cell_type, cell.source) for cell in jupytext.read(script).cells
    ]


@pytest.mark.slow
def test_everything_works_inside_the_event_loop_of_a_kernel():
    """A kernel runs cells in a running event loop, in which pyshark's own calls fail."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(
            "import asyncio, sys\n"
            "assert asyncio.get_running_loop().is_running()\n"
            "import ipipscope as ix\n"
            "capture = ix.load('../captures/case-2-mended/captures')\n"
            "row = capture.where('depth == 2').iloc[0]\n"
            "frame = capture.frame(row.file, row.frame)\n"
            "if sys.version_info < (3, 14):\n"
            "    layers = [layer.layer_name for layer in frame.pyshark().layers]\n"
            "    assert layers.count('ip') == 2, layers\n"
            "async def later(): return len(capture.packets)\n"
            "assert await later() > 0"
        ),
        nbformat.v4.new_code_cell("capture"),
        nbformat.v4.new_code_cell("capture.exchange(1)"),
        nbformat.v4.new_code_cell("capture.packets"),
    ]
    done = execute(notebook)
    shown = [cell.outputs[0].data["text/html"] for cell in done.cells[1:]]
    assert "<svg" in shown[1]
    assert "<table" in shown[0]
    assert "<table" in shown[2]
