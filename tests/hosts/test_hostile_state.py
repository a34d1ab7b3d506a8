"""State that is damaged, or meant to do damage: refused or quoted in one line, in time."""

import json
import shlex
import tarfile
from ipaddress import IPv4Address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ipipscope.hosts.assembly import Pieces
from ipipscope.hosts.audit import audit
from ipipscope.hosts.errors import BadState, StateUnreadable
from ipipscope.hosts.listing import Listing
from ipipscope.hosts.reading import load_snapshots, read_state

LISTINGS = [listing for listing in Listing if listing is not Listing.SNAPSHOT]


def refused(path):
    """The one problem of reading *path*, as people see it."""
    (problem,) = read_state([path]).problems
    line = str(problem)
    assert "\n" not in line
    assert line.isprintable()
    return line


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("ip_-j_route.json", '[{"dst":"default","gateway":"192.168.', "breaks off"),
        ("ip_-j_route.json", '[{"dst":"10.0.0.0/8","dev":"a b"}]', "none that the kernel allows"),
        ("ip_-j_route.json", '[{"dst":"10.0.0.0/8","dev":"x\\u001b[2J"}]', "none that the kernel allows"),
        ("ip_-j_route.json", '[{"dst":"10.0.0.0/8","metric":99999999999999999999999}]', "metric"),
        ("ip_-j_route.json", '[{"dst":"10.0.0.0/8","metric":-1}]', "metric"),
        ("ip_-j_route.json", '[{"dst":10}]', "no IPv4 network"),
        ("ip_-j_route.json", '{"dst":"default"}', "not a list"),
        ("ip_-j_route.json", '["default"]', "not an object"),
        ("ip_-j_route.json", "[" * 100_000, "nested too deeply"),
        ("ip_-j_route.json", '[{"dst":"default","metric":' + "9" * 10_000 + "}]", "number that no host's state holds"),
        ("ip_-j_addr.json", '[{"ifname":"eth0","addr_info":"none"}]', "not a list"),
        ("ip_-j_addr.json", '[{"ifname":"eth0;reboot now"}]', "none that the kernel allows"),
        ("ip_-j_rule.json", '[{"priority":"first"}]', "priority"),
        ("ip_-j_-d_link.json", '[{"ifname":"t","linkinfo":{"info_kind":"ipip","info_data":{"remote":"x"}}}]', "remote"),
        ("ip_route.txt", "10.0.0.0/8 via $(reboot) dev eth0", "no IPv4 address"),
        ("ip_route.txt", "10.0.0.0/8 via 10.1.1.1 dev eth0/../../x", "none that the kernel allows"),
        ("ip_route.txt", "`reboot`", "is no route"),
        ("ip_route.txt", "10.0.0.0/99 dev eth0", "no IPv4 network"),
        ("ip_route.txt", "10.0.0.0/8 dev eth0 metric 1e9", "metric"),
        ("ip_rule.txt", "rm -rf /", "is no rule"),
        ("ip_addr.txt", "half an interface", "is no interface"),
        ("iptables-save_-c.txt", "-A INPUT -j ACCEPT", "before any table"),
        ("iptables-save_-c.txt", '*filter\n-A INPUT -m comment --comment "open', "unfinished quotation"),
        ("iptables-save_-c.txt", "*filter\nreboot", "none that iptables-save prints"),
        ("ipset_list.txt", "Name: x\nwhat is this", "none that ipset prints"),
        ("nodes.json", '{"apiVersion":"v1","kind":"Pod"}', None),
    ],
)  # fmt: skip
def test_what_no_command_prints_is_refused_with_file_and_reason(tmp_path, name, text, said):
    (tmp_path / "node1").mkdir()
    path = tmp_path / "node1" / name
    path.write_text(text)
    if said is None:
        assert read_state([tmp_path]).snapshots == {}
        return
    line = refused(tmp_path / "node1")
    assert name in line
    assert said in line


def test_other_files_of_the_folder_are_still_read(tmp_path):
    (tmp_path / "ip_route.txt").write_text("default via 192.168.0.253 dev eth0\n")
    (tmp_path / "ip_-j_addr.json").write_text("[{")
    state = read_state([tmp_path])
    assert len(state.problems) == 1
    (snapshot,) = state.snapshots.values()
    assert snapshot.routes[0].via == IPv4Address("192.168.0.253")


@pytest.mark.parametrize(
    "name", ["garbage", "ip_route.txt", "ip_-j_addr.json", "iptables-save_-c.txt", "ipset_list.txt"]
)
@pytest.mark.parametrize(
    "octets",
    [b"\xff\xfe\x00" * 3_500_000, b" " * 10_000_000, b"[" * 10_000_000, b"a b " * 2_500_000, b"\n" * 10_000_000,
     b'"' * 10_000_000, b"1: x: <" * 1_400_000, b"[root@x ~]# " * 800_000, b"| 1.2.3.4 " * 1_000_000],
    ids=["binary", "spaces", "brackets", "words", "lines", "quotes", "heads", "prompts", "rows"],
)  # fmt: skip
def test_ten_megabytes_of_garbage_are_refused(tmp_path, name, octets):
    path = tmp_path / name
    path.write_bytes(octets)
    state = read_state([path])
    for problem in state.problems:
        assert len(str(problem)) < 500
        assert str(problem).isprintable()
    assert state.problems or all(not snapshot.routes for snapshot in state.snapshots.values())


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    assert "cannot be opened" in refused(tmp_path / "nowhere.json")


def test_a_folder_without_state_says_what_to_put_there(tmp_path):
    assert "no host state" in refused(tmp_path)


def test_control_characters_in_a_file_name_are_not_printed_raw(tmp_path):
    path = tmp_path / "x\x1b[31m\nred.json"
    path.write_text("[{")
    assert "\\x1b" in refused(path)


def test_load_snapshots_raises_what_read_state_reports(tmp_path):
    path = tmp_path / "ip_-j_route.json"
    path.write_text("[{")
    with pytest.raises(StateUnreadable) as refusal:
        load_snapshots([path])
    assert refusal.value.source == str(path)
    assert refusal.value.hint


def refusal(listing, text):
    """Why *text* is no such listing; empty when it is one."""
    try:
        Pieces("node1").add(listing, text)
    except BadState as error:
        return str(error)
    return ""


@given(st.sampled_from(LISTINGS), st.text(max_size=300))
@example(Listing.IPTABLES, "*filter\n[1:2] -A INPUT -j")
@example(Listing.ROUTES, "default via")
@example(Listing.RULES, "0: from")
@settings(max_examples=400)
def test_any_text_is_a_listing_or_a_refusal(listing, text):
    assert refusal(listing, text).isprintable()


KEYS = [
    "dst", "ifname", "gateway", "dev", "addr_info", "local", "flags", "metrics", "nexthops", "linkinfo", "src",
    "info_kind", "info_data", "stats64", "priority", "fwmark", "nftables", "rule", "expr", "match", "left", "items",
    "kind", "metadata", "spec", "annotations", "schema", "apiVersion", "chain", "family", "set", "elem", "prefix",
]  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
KEYS
        ) | st.text(max_size=5),
        inner, max_size=4,
    ),
    max_leaves=25,
)  # fmt: skip


@given(st.sampled_from(LISTINGS), json_values)
@settings(max_examples=600)
def test_any_json_is_a_listing_or_a_refusal(listing, value):
    assert refusal(listing, json.dumps(value if isinstance(value, (list, dict)) else [value])).isprintable()


ROUTES = """default via 192.168.0.253 dev {nic}
10.122.17.64/26 via 192.168.3.112 dev {tunnel} proto {owner}
blackhole 10.122.127.128/26 proto bird
192.168.3.0/24 dev {nic} proto kernel scope link src 192.168.3.112
local 192.168.3.112 dev {nic} table local proto kernel scope host src 192.168.3.112
10.122.200.0/26 via 192.168.3.114 dev {tunnel} proto {owner} onlink
"""


@pytest.mark.parametrize("name", ["$(reboot)", ";reboot", "`id`", "a|b", "x'y\"z", "-rf", "&", "*"])
def test_names_that_a_shell_would_run_are_quoted_in_remedies(tmp_path, name):
    """The kernel allows such names, so the state may be real; no printed command may hold one unquoted."""
    links = f'[{{"ifname":{json.dumps(name)},"flags":["UP"],"linkinfo":{{"info_kind":"ipip","info_data":{{}}}}}}]'
    (tmp_path / "ip_-j_-d_link.json").write_text(links)
    (tmp_path / "ip_route_show_table_all.txt").write_text(ROUTES.format(nic="eth1", tunnel=name, owner=name))
    (tmp_path / "calicoctl_node_status.txt").write_text("| 192.168.3.110 | mesh | up | now | Established |\n")
    findings = audit(load_snapshots([tmp_path]))
    commands = [remedy.command for finding in findings for remedy in finding.remedy]
    assert any(name in shlex.split(command) for command in commands)
    for command in commands:
        for part in command.split(" && "):
            words = shlex.split(part)
            assert shlex.join(words) == part


def test_a_bundle_cannot_reach_outside_nor_explode(tmp_path):
    bundle = tmp_path / "diags.tar.gz"
    secret = tmp_path / "ip_route.txt"
    secret.write_text("default via 192.168.0.253 dev eth0\n")
    with tarfile.open(bundle, "w:gz") as tar:
        link = tarfile.TarInfo("node1/ip_route.txt")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        tar.addfile(link)
        tar.add(secret, "../../node2/ip_route.txt")
        device = tarfile.TarInfo("node3/ip_route.txt")
        device.type = tarfile.CHRTYPE
        tar.addfile(device)
    assert read_state([bundle]).snapshots == {}


def test_a_damaged_bundle_is_one_line(tmp_path):
    bundle = tmp_path / "diags.tar.gz"
    bundle.write_bytes(b"\x1f\x8b\x08" + b"x" * 1000)
    assert "bundle is damaged" in refused(bundle)


def test_a_paste_of_thousands_of_prompts_is_read_whole(tmp_path):
    path = tmp_path / "paste.txt"
    line = "[root@node1 ~]# ip route\ndefault via 192.168.0.253 dev eth0\n"
    path.write_text(line * 3_000)
    snapshots = read_state([path]).snapshots
    assert len(snapshots) == 3_000  # a moment a listing
