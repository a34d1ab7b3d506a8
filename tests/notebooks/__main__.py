"""Write the notebooks anew: `python -m tests.notebooks` runs each script in a kernel and keeps what it gave."""

from . import notebooks, run, write

for script in notebooks():
    write(script, run(script))
