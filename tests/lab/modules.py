"""Load the guest's kernel modules: there is no modprobe that knows their folder."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path
from typing import Final

TREE: Final = Path("/usr/lib/uml/modules")
FINIT_MODULE: Final = {"x86_64": 313, "i386": 350}  # asm/unistd: finit_module(2), one number per architecture

NEEDED: Final = (
    *("ipv6", "ipip", "veth", "bridge", "dummy", "bonding", "8021q"),
    *("sch_netem", "sch_ingress", "cls_matchall", "cls_u32", "act_nat", "act_gact"),
    *("nf_tables", "nft_numgen", "nft_limit"),
    *("iptable_filter", "iptable_nat", "iptable_mangle", "iptable_raw", "ipt_REJECT"),
    *("xt_comment", "xt_set", "xt_addrtype", "xt_conntrack", "xt_tcpudp", "xt_length", "xt_mark", "xt_statistic"),
    *("xt_MASQUERADE", "xt_nat", "xt_TCPMSS", "ip_set_hash_net"),
)


class Loader:
    """Knows what is loaded and what depends on what."""

    def __init__(self) -> None:
        self._folder = TREE / os.uname().release
        self._needs: dict[str, list[str]] = {}
        for line in (self._folder / "modules.dep").read_text().splitlines():
            path, _, needs = line.partition(":")
            self._needs[path] = needs.split()
        self._path = {_plain(path): path for path in self._needs}
        self._built_in = {_plain(line) for line in (self._folder / "modules.builtin").read_text().splitlines()}
        self._loaded: set[str] = set()
        self._libc = ctypes.CDLL(None, use_errno=True)

    def load(self, name: str) -> None:
        """Insert module *name* after all it depends on; raises OSError when the kernel refuses."""
        if _plain(name) in self._built_in:
            return
        path = self._path[_plain(name)]
        for one in [*reversed(self._needs[path]), path]:  # modules.dep lists the deepest dependency last
            if one not in self._loaded:
                self._insert(one)
                self._loaded.add(one)

    def _insert(self, path: str) -> None:
        number = FINIT_MODULE[os.uname().machine]
        with (self._folder / path).open("rb") as module:
            if self._libc.syscall(number, module.fileno(), b"", 0) == 0:
                return
        error = ctypes.get_errno()
        if error != errno.EEXIST:
            raise OSError(error, os.strerror(error), path)


def _plain(name: str) -> str:
    return Path(name).name.removesuffix(".ko").replace("-", "_")
