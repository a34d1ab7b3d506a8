"""Who may record: dumpcap's rights are enough, Python needs none; without them the user is told what to run.

The users here have no capabilities: `nobody`, where that one can run this Python, else root without any.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from .live import MAIN, WAIT, count, needs_namespaces, run, wait_for, wire

pytestmark = [needs_namespaces, pytest.mark.slow]

NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
# capabilities(7): with noroot, the user 0 gets none for that; files may still bring those of the bounding set.
POWERLESS = ("setpriv", "--securebits=+noroot,+noroot_locked", "--bounding-set=-all,+net_raw,+net_admin")
NONE = ("--inh-caps=-all",)


def user() -> tuple[str, ...]:
    """Words that run a command without rights."""
    loaded = run(*NOBODY, *NONE, sys.executable, "-c", "import ipipscope.live.session", check=False)
    return (*(POWERLESS if loaded.returncode else NOBODY), *NONE)


@pytest.fixture(scope="module")
def lan():
    with wire("right") as made:
        yield made


@pytest.fixture
def folder():
    """One that everybody may read and write; those of pytest are root's."""
    with tempfile.TemporaryDirectory(prefix="ipipscope-rights-") as made:
        Path(made).chmod(0o777)
        yield Path(made)


def tool(folder: Path, name: str, rights: str | None) -> dict[str, str]:
    """A copy of *name* with *rights* before all others: the environment to find it in."""
    first = folder / "bin"
    first.mkdir(mode=0o755)
    copy = Path(shutil.copy(shutil.which(name), first / name))
    copy.chmod(0o755)
    if rights:
        run("setcap", rights, copy)
    return {**os.environ, "PATH": f"{first}:{os.environ['PATH']}"}


def capture(lan, folder: Path, environment: dict[str, str], *options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["ip", "netns", "exec", lan.near, *user(), sys.executable, "-c", MAIN, "capture", "eth1", "--node", "near",
         "-w", str(folder / "a.pcapng"), *map(str, options)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment, cwd=folder,
    )  # fmt: skip


def test_without_rights_dumpcaps_own_cure_is_passed_on_with_what_to_run(lan, folder):
    with capture(lan, folder, tool(folder, "dumpcap", None)) as process:
        _, err = process.communicate(timeout=WAIT)
    assert process.returncode == 3
    told = err.splitlines()[-1]
    assert told.startswith("ipipscope: near:eth1: dumpcap: You do not have permission to capture on device")
    assert "wireshark-common" in told  # Debian's words
    assert told.endswith("sudo setcap cap_net_raw,cap_net_admin+ep $(command -v dumpcap)")
    assert "Traceback" not in err


def test_a_user_without_rights_records_and_judges_when_dumpcap_may(lan, folder):
    file = folder / "a.pcapng"
    environment = tool(folder, "dumpcap", "cap_net_raw,cap_net_admin+ep")
    with capture(lan, folder, environment, "-c", 20, "--no-state") as process:

        def recorded() -> bool:
            lan.ping(2)
            return process.poll() is not None

        wait_for(recorded)
        out, err = process.communicate(timeout=WAIT)
    assert (process.returncode, err) == (0, "")
    answered = count(file, "icmp && icmp.type == 0")
    assert answered
    assert f"{answered} of {answered} exchanges answered" in out
