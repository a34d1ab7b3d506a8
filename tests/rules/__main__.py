"""`python -m tests.rules [FOLDER...]`."""

from tests.rules.table import main

main()
