"""The folders of raw outputs, in both forms."""

import shutil
import tarfile
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from ipipscope.hosts.model import Part, Snapshot
from ipipscope.hosts.reading import load_snapshots, read_state

from .conftest import cases

ALL = [(case, state) for case in cases() for state in ("state", "state-after-fix") if (case.folder / state).is_dir()]
IDS = [f"{case.name}/{state}" for case, state in ALL]


def only(tmp_path, case, state, suffixes):
    """A copy of the state with the files of those suffixes only, apart from what has one form."""
    for node in sorted((case.folder / state).iterdir()):
        (tmp_path / node.name).mkdir()
        for path in node.iterdir():
            one_form = not path.name.startswith("ip_") or "tunnel" in path.name
            if one_form or path.suffix in suffixes:
                shutil.copy(path, tmp_path / node.name / path.name)
    return load_snapshots([tmp_path])


def comparable(snapshot: Snapshot) -> Snapshot:
    """Without what the two forms were recorded a moment apart for, or show differently."""
    return replace(
        snapshot,
        source="",
        links=tuple(replace(link, rx={}, tx={}, kind=link.kind or "", peer_namespace=None) for link in snapshot.links),
        neighbours=(),
        tunnels=tuple(replace(tunnel, ttl=0) for tunnel in snapshot.tunnels),
    )


@pytest.mark.parametrize(("case", "state"), ALL, ids=IDS)
def test_text_alone_gives_what_json_alone_gives(tmp_path, case, state):
    text = only(tmp_path / "text", case, state, {".txt"}) if (tmp_path / "text").mkdir() is None else {}
    (tmp_path / "json").mkdir()
    json = only(tmp_path / "json", case, state, {".json"})
    assert text.keys() == json.keys() == {path.name for path in (case.folder / state).iterdir()}
    for node in text:
        assert comparable(text[node]) == comparable(json[node])


@pytest.mark.parametrize(("case", "state"), ALL, ids=IDS)
def test_every_part_of_a_node_is_read(case, state):
    for snapshot in case.snapshots(state).values():
        assert snapshot.has(
            Part.ADDRESSES, Part.LINKS, Part.COUNTERS, Part.ROUTES, Part.ALL_TABLES, Part.RULES, Part.TUNNELS,
            Part.RP_FILTER, Part.IP_FORWARD, Part.NSTAT,
        )  # fmt: skip
        assert snapshot.ip_forward is True


@pytest.mark.parametrize(("case", "state"), ALL, ids=IDS)
def test_a_route_gives_its_line_back_as_ip_printed_it(case, state):
    for node, snapshot in case.snapshots(state).items():
        printed = (case.folder / state / node / "ip_route_show_table_all.txt").read_text().splitlines()
        lines = [" ".join(line.split()) for line in printed if "::" not in line]
        assert [route.line for route in snapshot.routes] == lines


def test_addresses_and_blocks_are_those_of_the_truth():
    if not ALL:
        pytest.skip("no case of a real kernel is at hand")
    for case, state in ALL:
        for node, snapshot in case.snapshots(state).items():
            truth = case.truth["nodes"][node]
            addresses = {known.interface: str(known.address) for known in snapshot.addresses}
            for interface in ("eth0", "eth1", "tunl0"):
                if interface in truth:
                    assert addresses.get(interface) == truth[interface]
            blackholes = {str(route.destination) for route in snapshot.routes if route.type == "blackhole"}
            assert blackholes == {truth["block"]}


def test_the_counters_of_case_1_are_read(case):
    links = {link.name: link for link in case("02-").snapshots()["node3"].links}
    assert links["tunl0"].tx["collisions"] == 20
    assert links["tunl0"].mtu == 1480


def test_rules_and_sets_of_case_2_are_read(case):
    node2 = case("03-").snapshots()["node2"]
    (ruleset,) = node2.firewall
    chains = {(chain.table, chain.name): chain for chain in ruleset.chains}
    drop = chains["filter", "cali-INPUT"].rules[1]
    assert (drop.target, drop.packets, drop.bytes) == ("drop", 20, 2080)
    assert "192.168.3.113" in node2.ipsets[0].members
    assert [str(peer.address) for peer in node2.calico.peers] == [f"192.168.3.{n}" for n in (110, 112, 113, 114)]


def test_a_case_folder_is_read_from_its_state(case):
    assert load_snapshots([case("02-").folder]) == load_snapshots([case("02-").folder / "state"])


def test_one_nodes_folder_is_that_node(case):
    folder = case("02-").folder / "state" / "node3"
    assert load_snapshots([folder]).keys() == {"node3"}


def test_a_bundle_gives_what_its_folder_gives(tmp_path, case):
    folder = case("03-").folder / "state"
    bundle = tmp_path / "diags.tar.gz"
    with tarfile.open(bundle, "w:gz") as tar:
        tar.add(folder, "diags/state")
    read = load_snapshots([bundle])
    expected = load_snapshots([folder])
    assert {n: replace(s, source="") for n, s in read.items()} == {
        n: replace(s, source="") for n, s in expected.items()
    }


def test_the_first_story_is_two_listings_of_one_node(story):
    snapshots = load_snapshots([story("case1-")])
    before, after = snapshots["az3-k8s-13 (listing 1 of 2)"], snapshots["az3-k8s-13"]
    assert [route.line for route in before.routes] == ["10.122.17.64/26 via 10.122.127.128 dev tunl0"]
    assert [route.line for route in after.routes] == ["10.122.17.64/26 via 192.168.3.110 dev tunl0 proto bird onlink"]
    assert before.parts == after.parts == (Part.SOME_ROUTES,)


def test_calicoctls_table_is_read_as_pasted(story):
    (snapshot,) = load_snapshots([story("case2-calicoctl")]).values()
    assert [str(peer.address) for peer in snapshot.calico.peers] == [
        "192.168.0.111", "192.168.3.112", "192.168.3.113", "192.168.3.114",
    ]  # fmt: skip
    assert {peer.info for peer in snapshot.calico.peers} == {"Established"}


def test_node4s_routes_are_read_as_pasted(story):
    node4 = load_snapshots([story("case2-node4")])["az3-k8s-14"]
    assert len(node4.routes) == 14
    assert node4.routes[0].via == IPv4Address("192.168.3.253")
    assert node4.routes[4].type == "blackhole"
    assert node4.routes[4].destination == IPv4Network("10.122.157.128/26")
    assert node4.has(Part.ROUTES)


def test_what_tcpdump_printed_is_no_state(story):
    state = read_state([story("healthy-pair")])
    assert state.snapshots == {}
    assert "no host state" in str(state.problems[0])
