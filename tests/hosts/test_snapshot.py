"""Snapshots as JSON, and snapshots of this host."""

import json
import os
import shlex
import shutil
import subprocess
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipipscope.hosts import model
from ipipscope.hosts.errors import BadState
from ipipscope.hosts.snapshot import COMMANDS, collect, through
from ipipscope.hosts.snapshot_json import SCHEMA, from_document, to_json

from .conftest import cases

names = st.from_regex(r"[a-z$;`'\"(){}|&<>*?!\\-]{1,15}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=40).filter(
    str.isprintable
)
addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
networks = st.builds(
    lambda address, length: IPv4Network((int(address), length), strict=False), addresses, st.integers(0, 32)
)
counts = st.integers(0, 2**64 - 1)
counters = st.dictionaries(texts.filter(bool), counts, max_size=3)


def maybe(strategy):
    return st.none() | strategy


def tuples(strategy):
    return st.lists(strategy, max_size=3).map(tuple)


hops = st.builds(
    model.NextHop, via=maybe(addresses), device=maybe(names), weight=st.integers(1, 256), flags=tuples(texts)
)
routes = st.builds(
    model.Route, destination=networks, type=st.sampled_from(("unicast", "local", "throw")), via=maybe(addresses),
    device=maybe(names), table=texts, protocol=maybe(texts), scope=texts, source=maybe(addresses), metric=counts,
    mtu=maybe(counts), tos=counts, flags=tuples(texts), next_hops=tuples(hops),
)  # fmt: skip
rules = st.builds(
    model.PolicyRule, priority=counts, source=maybe(networks), destination=maybe(networks), inverted=st.booleans(),
    in_interface=maybe(names), mark=maybe(counts), mask=counts, table=maybe(texts), goto=maybe(counts),
    other=tuples(texts),
)  # fmt: skip
matches = st.builds(model.Match, what=texts, values=tuples(texts), negated=st.booleans())
firewall_rules = st.builds(
    model.FirewallRule, text=texts, matches=tuples(matches), target=texts, argument=texts, packets=maybe(counts),
    bytes=maybe(counts),
)  # fmt: skip
chains = st.builds(
    model.Chain, table=texts, name=texts, hook=maybe(texts), priority=st.integers(-400, 400), policy=maybe(texts),
    rules=tuples(firewall_rules),
)  # fmt: skip
calico = st.builds(
    model.Calico,
    peers=tuples(st.builds(model.CalicoPeer, address=addresses, kind=texts, state=texts, since=texts, info=texts)),
    nodes=tuples(
        st.builds(model.CalicoNode, name=texts, address=maybe(addresses), prefix_length=maybe(st.integers(0, 32)))
    ),
    pools=tuples(
        st.builds(model.CalicoPool, name=texts, network=networks, ipip_mode=texts, nat_outgoing=st.booleans())
    ),
    blocks=tuples(st.builds(model.BlockAffinity, block=networks, node=texts)),
)
snapshots = st.builds(
    model.Snapshot, node=texts.filter(bool), taken=maybe(counts), moment=texts, source=texts, kernel=texts,
    parts=tuples(st.sampled_from(model.Part)), left_out=tuples(st.builds(model.LeftOut, what=texts, why=texts)),
    addresses=tuples(
        st.builds(model.Address, interface=names, address=addresses, prefix_length=st.integers(0, 32), scope=texts,
                  secondary=st.booleans(), peer=maybe(addresses))
    ),
    links=tuples(
        st.builds(model.Link, name=names, flags=tuples(texts), mtu=maybe(counts), rx=counters, tx=counters),
    ),
    routes=tuples(routes), rules=tuples(rules),
    neighbours=tuples(
        st.builds(model.Neighbour, address=addresses, interface=names, mac=maybe(texts), state=tuples(texts))
    ),
    tunnels=tuples(
        st.builds(model.Tunnel, interface=names, mode=texts, local=maybe(addresses), remote=maybe(addresses))
    ),
    rp_filter=counters, accept_local=counters, ip_forward=maybe(st.booleans()), counters=counters,
    firewall=tuples(st.builds(model.Ruleset, backend=texts, chains=tuples(chains))),
    ipsets=tuples(st.builds(model.IpSet, name=texts, type=texts, members=tuples(texts))), calico=calico,
)  # fmt: skip


@given(snapshots)
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_snapshot_read_back_is_the_same_value(snapshot):
    assert from_document(json.loads(to_json(snapshot))) == snapshot


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_real_nodes_snapshot_read_back_is_the_same_value(case):
    for snapshot in case.snapshots().values():
        assert from_document(json.loads(to_json(snapshot))) == snapshot


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"schema": "ipipscope.snapshot/2"}, "ipipscope.snapshot/1"),
        ({"schema": None}, "names no schema"),
        ({"node": 3}, "names no node"),
        ({"node": ""}, "names no node"),
        ({"links": {}}, "snapshot.links is '{}', not a list"),
        ({"links": [7]}, "snapshot.links[0] is '7', not an object"),
        ({"links": [{}]}, "snapshot.links[0] lacks 'name'"),
        ({"links": [{"name": "eth0", "mtu": "large"}]}, "snapshot.links[0].mtu"),
        ({"links": [{"name": "eth0", "mtu": 10**30}]}, "at most 64 bits"),
        ({"links": [{"name": "eth0", "mtu": True}]}, "snapshot.links[0].mtu"),
        ({"addresses": [{"interface": "a b", "address": "1.2.3.4", "prefix_length": 8}]}, "interface 'a b'"),
        ({"addresses": [{"interface": "eth0", "address": "1.2.3.400", "prefix_length": 8}]}, "no IPv4 address"),
        ({"routes": [{"destination": "10.0.0.0/33"}]}, "no IPv4 network"),
        ({"routes": [{"destination": "10.0.0.0/8", "device": "a/b"}]}, "none that the kernel allows"),
        ({"parts": ["weather"]}, "not one of"),
        ({"ip_forward": 1}, "true or false"),
    ],
)
def test_a_damaged_snapshot_is_refused_by_naming_the_field(changed, said):
    document = {"schema": SCHEMA, "node": "node1", **changed}
    with pytest.raises(BadState) as refusal:
        from_document(document)
    assert said.replace("'{}'", "'{}'") in str(refusal.value).replace("is {}", "is '{}'").replace("is 7", "is '7'")
    assert "\n" not in str(refusal.value)


def test_unknown_fields_of_a_newer_version_are_passed_over():
    assert from_document({"schema": SCHEMA, "node": "node1", "weather": "fine"}).node == "node1"


def test_a_snapshot_of_this_host_reads_back_and_knows_its_loopback():
    snapshot = collect("here")
    if not snapshot.has(model.Part.ADDRESSES):
        pytest.skip(f"the ip command gives nothing here: {snapshot.left_out}")
    assert IPv4Address("127.0.0.1") in {known.address for known in snapshot.addresses}
    assert from_document(json.loads(to_json(snapshot))) == snapshot
    assert snapshot.taken is not None


def test_what_cannot_be_read_is_named_with_the_reason():
    def run(command):
        if command[0] == "ip":
            raise subprocess.CalledProcessError(2, command, stderr=b"RTNETLINK answers: Operation not permitted\n")
        raise FileNotFoundError(command[0])

    snapshot = collect("bare", run=run, clock=lambda: 7)
    assert snapshot.taken == 7
    assert snapshot.parts == ()
    why = {left.what: left.why for left in snapshot.left_out}
    assert why["ip -j addr"] == "RTNETLINK answers: Operation not permitted"
    assert why["iptables-save -c"] == "iptables-save is not installed"
    assert "ipset list" not in why  # a host without ipset has no sets


def test_output_that_makes_no_sense_is_left_out_not_raised():
    snapshot = collect("odd", run=lambda command: "[{" if command[0] == "ip" else "\x1b[31mred")
    whys = {left.what: left.why for left in snapshot.left_out}
    assert "JSON breaks off" in whys["ip -j addr"]
    assert all("\x1b" not in why for why in whys.values())


def test_no_command_changes_the_host():
    for _, command in COMMANDS:
        assert not {"add", "del", "replace", "set", "flush", "-w", "-A", "-I", "-D"} & set(command)


LIKE_KUBECTL_EXEC = ("sh", "-c", 'exec "$@"', "argv")
LIKE_SSH = ("sh", "-c", 'sh -c "$*"', "joined")
"""ssh hands the words, joined by blanks, to the other host's shell."""


@pytest.mark.parametrize("via", [LIKE_KUBECTL_EXEC, LIKE_SSH], ids=["argv", "shell"])
def test_a_host_behind_a_prefix_gives_the_same_snapshot_whether_a_shell_reads_it_or_not(via):
    here, there = collect(), collect(via=via)
    assert there.parts == here.parts
    assert (there.node, there.kernel, there.addresses, there.rules) == (
        here.node, here.kernel, here.addresses, here.rules,
    )  # fmt: skip


def test_no_command_holds_a_character_that_a_shell_would_touch():
    for _, command in COMMANDS:
        assert shlex.join(command) == " ".join(command)


def test_a_network_namespace_behind_a_prefix_is_read_and_gives_the_node_its_name():
    name = f"ipipscope-via-{os.getpid()}"
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("making a network namespace needs root and the ip command")
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        pytest.skip("the kernel gives no network namespace here")
    try:
        inside = ["ip", "netns", "exec", name]
        subprocess.run([*inside, "ip", "addr", "add", "192.0.2.7/32", "dev", "lo"], check=True)
        taken = collect(via=inside)
        assert taken.node == name
        assert [str(known.address) for known in taken.addresses] == ["192.0.2.7"]
        assert taken.has(model.Part.RP_FILTER, model.Part.ALL_TABLES)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.mark.parametrize(
    ("via", "why"),
    [
        (("no-such-program-here", "node4"), "no-such-program-here is not installed"),
        (("sh", "-c", "echo 'Connection refused' >&2; exit 255"), "Connection refused"),
        (("sh", "-c", "echo this is no uname"), "uname answers 'this is no uname' there"),
    ],
)
def test_a_host_that_cannot_be_asked_is_asked_once_and_gives_a_snapshot_without_parts(via, why):
    taken = collect("node4", via=via)
    (left,) = taken.left_out
    assert (taken.node, taken.parts, left.what) == ("node4", (), "everything")
    assert why in left.why


def test_a_command_that_another_host_lacks_is_said_to_be_missing_there():
    def run(command):
        raise subprocess.CalledProcessError(127, command, stderr=b"env: 'nstat': No such file or directory")

    with pytest.raises(FileNotFoundError):
        through(("ssh", "node4"), run)(("nstat", "-asz"))


def test_without_root_the_snapshot_is_whole_but_for_what_is_named_with_the_reason():
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("giving root up needs root and setpriv")
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    taken = collect(via=nobody)
    assert taken.has(model.Part.ADDRESSES, model.Part.ALL_TABLES, model.Part.RULES, model.Part.RP_FILTER)
    assert not taken.has(model.Part.FIREWALL)
    whys = {left.what.split()[0]: left.why for left in taken.left_out}
    for tool in ("iptables-save", "nft"):
        if shutil.which(tool) is not None:
            assert any(word in whys[tool] for word in ("ermission", "permitted")), whys
