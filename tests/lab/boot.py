"""Boot the guest and hand it jobs: the host's side of the laboratory."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from .case_folder import complete

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

KERNEL: Final = "linux.uml"
CHECKOUT: Final = Path(__file__).resolve().parents[2]
POLL: Final = 0.05


class LabError(RuntimeError):
    """The guest did not do what it was asked; the message holds what it said."""


def missing_tools() -> list[str]:
    """The programs the laboratory needs and this host has not; empty when it can boot."""
    tools = (KERNEL, "tcpdump", "dumpcap", "tshark", "ip", "ping", "iptables-legacy", "ipset", "nft", "sysctl")
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    return [tool for tool in tools if shutil.which(tool, path=path) is None]


@dataclass(slots=True)
class Case:
    """A recorded case. In a closed loop the guest still holds it, broken, until mend() or release()."""

    folder: Path
    truth: dict[str, Any]
    _laboratory: Laboratory
    _number: int
    held: bool = field(default=False)

    def mend(self, commands: Iterable[Mapping[str, str]], *, timeout: float = 120) -> dict[str, Any]:
        """Run *commands* (`{"node": ..., "command": ...}`, in order) in the guest and ping again.

        Returns `commands` (each with `code`, `stdout`, `stderr`) and `exchanges` (`sent`, `answered`, `phases`).
        """
        if not self.held:
            raise LabError(f"{self.folder.name} is not held: record it with closed_loop=True")
        self.held = False
        return self._laboratory._mend(self._number, [dict(command) for command in commands], timeout)

    def release(self) -> None:
        """Let the guest take the case down, mended or not."""
        if self.held:
            self.mend([])


class Laboratory:
    """One booted guest; a context manager. Cases go to *folder*, which is made when it is not there."""

    def __init__(self, folder: Path, *, memory: str = "640M", boot_timeout: float = 90) -> None:
        self.folder = folder
        self._memory = memory
        self._boot_timeout = boot_timeout
        self._number = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._held: Case | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        # A short path without blanks: the kernel's command line splits at blanks, and its socket's name is limited.
        self._run = Path(tempfile.mkdtemp(prefix="lab", dir=_visible_folder()))
        self._talk = self._run / "talk"
        for name in ("jobs", "status", "remedy", "after"):
            (self._talk / name).mkdir(parents=True)
        shutil.copy(CHECKOUT / "tests" / "lab" / "init.sh", self._run)
        (self._run / "code").symlink_to(CHECKOUT)
        (self._run / "cases").symlink_to(self.folder.resolve())
        (self._run / "python").symlink_to(Path(sys.executable).resolve())
        try:
            self._boot()
        except BaseException:
            self._kill()
            shutil.rmtree(self._run, ignore_errors=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._process is not None and self._process.poll() is None and kind is None:
                if self._held is not None:
                    self._held.release()
                self._number += 1
                self._leave("jobs", self._number, {"stop": True})
                self._process.wait(30)
        except (LabError, subprocess.TimeoutExpired):
            pass  # it is killed below; the cases recorded so far stand
        finally:
            self._kill()
            shutil.rmtree(self._run, ignore_errors=True)

    @property
    def alive(self) -> bool:
        """Whether the guest runs."""
        return self._process is not None and self._process.poll() is None

    def record(
        self,
        scenario: str,
        profile: str,
        *,
        name: str = "",
        traffic: str = "ping",
        recorder: str = "tcpdump",
        closed_loop: bool = False,
        timeout: float = 240,
    ) -> Case:
        """Make one case into `folder/name` (`<profile>-<scenario>` by default), replacing what is there.

        traffic, recorder: how it is sent and recorded, see variants.py; other than the usual they are in the name.
        closed_loop: hold the broken cluster, so that the case's mend() can try a remedy on it.
        Raises LabError when the guest fails, with what it said.
        """
        if self._held is not None:
            self._held.release()
        variant = [word for word in (traffic, recorder) if word not in {"ping", "tcpdump"}]
        name = name or "-".join([profile, scenario, *variant])
        part = self.folder / f".{name}.part"  # whoever reads the finished cases meanwhile is not to see half of one
        shutil.rmtree(part, ignore_errors=True)
        self._number += 1
        job = {
            "case": name, "folder": part.name, "scenario": scenario, "profile": profile, "closed_loop": closed_loop,
            "traffic": traffic, "recorder": recorder,
        }  # fmt: skip
        self._leave("jobs", self._number, job)
        status = self._await("status", self._number, timeout)
        if status["state"] == "failed":
            raise LabError(f"{name}: {status['error'].strip().splitlines()[-1]}\n{status['error']}")
        truth = complete(part)
        shutil.rmtree(self.folder / name, ignore_errors=True)
        part.rename(self.folder / name)
        case = Case(self.folder / name, truth, self, self._number, held=closed_loop)
        self._held = case if closed_loop else None
        return case

    def _mend(self, number: int, commands: list[dict[str, str]], timeout: float) -> dict[str, Any]:
        self._held = None
        self._leave("remedy", number, {"commands": commands})
        return self._await("after", number, timeout)

    def _boot(self) -> None:
        command = [
            *(KERNEL, f"mem={self._memory}", f"umid={self._run.name}", f"uml_dir={self._run}/"),
            *("root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "init=/bin/sh"),
            *(f"LAB_CODE={self._run}/code", f"LAB_PYTHON={self._run}/python"),
            *(f"LAB_CASES={self._run}/cases", f"LAB_TALK={self._talk}"),
            *("con=null", "con0=null,fd:1", "quiet", "--", f"{self._run}/init.sh"),
        ]
        # The guest's memory is a file in TMPDIR; a container's /dev/shm, the default, is often too small for it.
        environment = os.environ | {"TMPDIR": tempfile.gettempdir()}
        with (self._run / "console.log").open("wb") as console:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        deadline = time.monotonic() + self._boot_timeout
        while "modules loaded" not in self._log("talk/guest.log"):
            self._check_alive("boot")
            if time.monotonic() > deadline:
                raise self._failure("the guest did not boot in time")
            time.sleep(POLL)

    def _leave(self, kind: str, number: int, note: dict[str, Any]) -> None:
        path = self._talk / kind / f"{number}.json"
        draft = path.with_name(f".{path.name}")
        draft.write_text(json.dumps(note))
        draft.rename(path)

    def _await(self, kind: str, number: int, timeout: float) -> dict[str, Any]:
        path = self._talk / kind / f"{number}.json"
        deadline = time.monotonic() + timeout
        while not path.exists():
            self._check_alive(kind)
            if time.monotonic() > deadline:
                raise self._failure(f"no {kind} of job {number} after {timeout:g} s")
            time.sleep(POLL)
        note: dict[str, Any] = json.loads(path.read_text())
        return note

    def _check_alive(self, what: str) -> None:
        if self._process is None or self._process.poll() is not None:
            raise self._failure(f"the guest ended while the host waited for {what}")

    def _failure(self, text: str) -> LabError:
        """An error with the tail of both logs; the logs themselves are kept in the folder of the cases."""
        kept = self.folder / "lab-failure"
        kept.mkdir(exist_ok=True)
        for name in ("console.log", "talk/guest.log"):
            (kept / Path(name).name).write_text(self._log(name))
        self._kill()
        tail = "\n".join(self._log(name)[-2000:] for name in ("console.log", "talk/guest.log"))
        return LabError(f"{text}\n{tail}\n(whole logs in {kept})")

    def _log(self, name: str) -> str:
        path = self._run / name
        return path.read_text(errors="replace") if path.exists() else ""

    def _kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)  # its own session: nothing but the guest
            self._process.wait()


def _visible_folder() -> str | None:
    """Where temporary files may lie: the guest has its own /dev, /proc, /run and /sys over the host's."""
    usual = Path(tempfile.gettempdir()).resolve()
    hidden = any(usual.is_relative_to(own) for own in ("/dev", "/proc", "/run", "/sys"))
    return "/tmp" if hidden else None
