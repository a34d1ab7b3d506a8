"""The laboratory: a real kernel with ipip in an ordinary process, and a library of ways to break an overlay.

    with Laboratory(folder) as lab:                       # boots once
        case = lab.record("case1", "ens")                 # builds, breaks, records, mends, writes folder/ens-case1
        case = lab.record("case1", "ens", closed_loop=True)
        after = case.mend([{"node": "worker-a2", "command": "ip route replace ..."}])
        assert after["exchanges"]["answered"] == after["exchanges"]["sent"]

Host side: boot.py, case_folder.py. Guest side: guest.py and what it imports. Both: plan.py, cluster.py, profiles.py,
scenarios/.
"""

from .boot import Case, LabError, Laboratory, missing_tools

__all__ = ["Case", "LabError", "Laboratory", "missing_tools"]
