"""Commands to paste stay commands, whatever files and interfaces are called."""

import shlex

from ipipscope.rules import next_capture


def words(command):
    return shlex.split(command.partition(": ")[2])


def test_names_from_files_are_quoted():
    node, interface = "n1;touch pwn;#", "$(reboot)"
    for command in (
        next_capture.everything(node),
        next_capture.whole_headers(node, interface),
        next_capture.without_loss(node, interface),
    ):
        assert command.startswith("on 'n1;touch pwn;#': ")
        assert words(command)[0] in {"tcpdump", "dumpcap"}
        assert not {";", "touch", "$(reboot"} & set(words(command))


def test_what_carried_the_exchanges_is_recorded_too():
    assert words(next_capture.everything("node3", {"icmp", "tcp"}))[-1] == "ip proto 4 or icmp or tcp"
