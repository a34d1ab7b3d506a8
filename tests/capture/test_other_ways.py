"""Other ways to a node: a process' namespace through nsenter, a pod through kubectl."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

import pytest

from .live import Capture, count, needs_namespaces, run, wait_for, wire

pytestmark = [needs_namespaces, pytest.mark.slow]

KUBECTL = """#!/bin/sh
# exec -n NAMESPACE [-i] POD -- COMMAND: as with kubectl, words arrive one by one, standard input only with -i, there is
# no terminal, a note on the container goes to standard error, output is handed on, and the end of this client is not
# the end of what it began.
[ "$1" = exec ] || exit 1
shift
input=/dev/null pod=
while [ "$1" != -- ]; do
    case "$1" in
        -i | --stdin) input=/dev/fd/3 ;;
        -n) shift ;;
        -*) echo "error: unknown flag: $1" >&2; exit 1 ;;
        *) pod=$1 ;;
    esac
    shift
done
shift
[ "$pod" = calico-node-x ] || { echo "Error from server (NotFound): pods \\"$pod\\" not found" >&2; exit 1; }
[ -t 0 ] && { echo "a terminal" >&2; exit 1; }
echo 'Defaulted container "calico-node" out of: calico-node, install-cni (init)' >&2
exec 3<&0
mkfifo "$0.$$"
setsid ip netns exec NAMESPACE "$@" < $input > "$0.$$" 3<&- &
exec cat 3<&- < "$0.$$"
"""


@pytest.fixture(scope="module")
def lan():
    with wire("ways") as made:
        yield made


def recorded_as_beside(lan, tmp_path, via: str, *options: str) -> str:
    """Record through *via* beside a tcpdump; what was said on standard error."""
    beside = tmp_path / "beside.pcap"
    file = tmp_path / "a.pcapng"
    tcpdump = ["ip", "netns", "exec", lan.near, "tcpdump", "-U", "--immediate-mode", "-i", "eth1", "-w", str(beside)]
    with subprocess.Popen([*tcpdump, "icmp"], stderr=subprocess.PIPE, text=True) as other:
        assert "listening" in other.stderr.readline()
        with Capture("--via", via, "--node", "near", "eth1", "--no-state", *options, file=file) as live:
            live.recording()
            lan.ping(10)
            live.recorded(20)
            status, out, err = live.finish()
        other.terminate()
    assert status == 0, err
    assert "10 of 10 exchanges answered" in out
    assert count(file, "icmp") == count(beside, "icmp") == 20
    return err


@pytest.mark.skipif(not shutil.which("nsenter"), reason="needs nsenter")
def test_the_network_of_a_process_is_recorded_through_nsenter(lan, tmp_path):
    with subprocess.Popen(["ip", "netns", "exec", lan.near, "sleep", "60"]) as pod:
        wait_for(lambda: str(pod.pid) in run("ip", "netns", "pids", lan.near).stdout.split())
        try:
            assert recorded_as_beside(lan, tmp_path, f"nsenter -t {pod.pid} -n") == ""
        finally:
            pod.terminate()
    wait_for(lambda: not run("ip", "netns", "pids", lan.near).stdout.split())


@pytest.fixture
def kubectl(lan, tmp_path, monkeypatch):
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL.replace("NAMESPACE", lan.near))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@pytest.mark.usefixtures("kubectl")
@pytest.mark.parametrize("traffic", ["icmp", "handshakes"])
def test_a_pod_is_recorded_through_kubectl_whatever_stands_in_the_filter(lan, tmp_path, traffic):
    via = "kubectl exec -i -n kube-system calico-node-x --"
    assert recorded_as_beside(lan, tmp_path, via, "--traffic", traffic) == ""
    wait_for(lambda: not run("ip", "netns", "pids", lan.near).stdout.split())


@pytest.mark.usefixtures("kubectl")
def test_without_standard_input_the_recorder_goes_with_the_next_packet(lan, tmp_path):
    assert recorded_as_beside(lan, tmp_path, "kubectl exec -n kube-system calico-node-x --") == ""

    def gone() -> bool:
        lan.ping(1)
        time.sleep(0.3)
        return not run("ip", "netns", "pids", lan.near).stdout.split()

    wait_for(gone)


@pytest.mark.usefixtures("kubectl")
def test_a_pod_that_there_is_not_is_told_in_kubectls_words(tmp_path):
    via = "kubectl exec -i -n kube-system calico-node-y --"
    with Capture("--via", via, "eth1", file=tmp_path / "a.pcapng") as live:
        status, _, err = live.finish(None)
    assert status == 3
    assert 'pods "calico-node-y" not found' in err
    assert len(err.splitlines()) == 1
