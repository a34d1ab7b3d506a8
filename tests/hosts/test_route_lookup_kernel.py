"""`route_lookup` against the kernel's own `ip route get`, in a network namespace made for the test."""

import json
import os
import random
import shutil
import subprocess
from ipaddress import IPv4Address

import pytest

from ipipscope.hosts.route_lookup import Fib, Outcome
from ipipscope.hosts.rp_filter import reverse_path
from ipipscope.hosts.snapshot import collect

NAMESPACE = f"ipipscope-{os.getpid()}"


def run(*words: str, check: bool = True) -> str:
    return subprocess.run(words, check=check, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def namespace():
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("comparing with the kernel needs root and the ip command")
    if subprocess.run(["ip", "netns", "add", NAMESPACE], capture_output=True, check=False).returncode:
        pytest.skip("the kernel gives no network namespace here")
    yield NAMESPACE
    run("ip", "netns", "del", NAMESPACE)


def ip(*words: str) -> bool:
    done = subprocess.run(["ip", "-n", NAMESPACE, *words], capture_output=True, check=False)
    return done.returncode == 0


def add_device(name: str) -> None:
    """A device with a carrier that goes nowhere: whichever kind this kernel has."""
    if not ip("link", "add", name, "type", "dummy") and not ip(
        "link", "add", name, "type", "veth", "peer", "name", f"{name}peer"
    ):
        pytest.skip("the kernel has neither dummy nor veth devices")
    ip("link", "set", f"{name}peer", "up")


def snapshot():
    def inside(command):
        return run("ip", "netns", "exec", NAMESPACE, *command)

    return collect("ns", run=inside)


@pytest.fixture(scope="module", params=[20200829, 7, 1981])
def populated(request, namespace):  # noqa: ARG001 - it is the namespace that everything here runs in
    """Four devices, a few hundred random routes in three tables, rules of every kind; another world for each number."""
    dice = random.Random(request.param)
    for number in range(4):
        ip("link", "del", f"d{number}")
    for number in range(100, 161, 10):
        ip("rule", "del", "pref", str(number))
    for table in ("100", "200"):
        ip("route", "flush", "table", table)
    ip("route", "flush", "table", "main")
    ip("link", "set", "lo", "up")
    for number in range(4):
        add_device(f"d{number}")
        ip("addr", "add", f"192.168.{number}.113/24", "dev", f"d{number}")
        ip("link", "set", f"d{number}", "up")
    ip("addr", "add", "192.168.0.114/24", "dev", "d0")  # secondary
    ip("addr", "add", "10.9.9.9/32", "dev", "d1")
    ip("addr", "add", "10.8.0.1/16", "dev", "d3", "scope", "link")
    ip("route", "add", "default", "via", "192.168.0.253", "dev", "d0")
    kinds = ("blackhole", "unreachable", "prohibit", "throw")
    for _ in range(400):
        length = dice.choice((8, 12, 16, 20, 24, 26, 28, 32))
        base = 0x0A000000 | dice.getrandbits(20) << 4
        prefix = f"{IPv4Address(base >> (32 - length) << (32 - length))}/{length}"
        table = dice.choice(("main", "main", "100", "200"))
        metric = str(dice.choice((0, 0, 10, 20)))
        device = dice.randrange(4)
        tail = ["table", table, "metric", metric]
        roll = dice.random()
        if roll < 0.15:
            ip("route", "add", dice.choice(kinds), prefix, *tail)
        elif roll < 0.45:
            ip("route", "add", prefix, "via", f"192.168.{device}.{dice.randrange(1, 99)}", "dev", f"d{device}", *tail)
        elif roll < 0.6:
            ip("route", "add", prefix, "via", f"10.200.0.{dice.randrange(1, 99)}", "dev", f"d{device}", "onlink", *tail)
        elif roll < 0.75:
            ip("route", "add", prefix, "dev", f"d{device}", "src", f"192.168.{dice.randrange(4)}.113", *tail)
        elif roll < 0.8:
            ip("route", "add", prefix, "via", f"192.168.{dice.randrange(4)}.113", "dev", f"d{device}", *tail)
        elif roll < 0.9:
            ways = dice.sample(range(4), dice.choice((2, 3)))
            hops = [("nexthop", "via", f"192.168.{way}.{dice.randrange(1, 99)}", "dev", f"d{way}") for way in ways]
            ip("route", "add", prefix, *tail, *(word for hop in hops for word in hop))
        else:
            ip("route", "add", prefix, "dev", f"d{device}", *tail)
    ip("rule", "add", "pref", "100", "from", "192.168.2.113", "lookup", "200")
    ip("rule", "add", "pref", "110", "to", "10.3.0.0/16", "lookup", "100")
    ip("rule", "add", "pref", "120", "not", "to", "10.0.0.0/9", "lookup", "200", "suppress_prefixlength", "8")
    ip("rule", "add", "pref", "130", "fwmark", "0x10/0xf0", "lookup", "100")
    ip("rule", "add", "pref", "140", "to", "10.7.0.0/16", "prohibit")
    ip("rule", "add", "pref", "150", "oif", "d2", "lookup", "100")
    ip("rule", "add", "pref", "160", "iif", "d1", "lookup", "200")
    return Fib(snapshot())


def asked(destination, *selectors):
    """What `ip route get` answers: the type, device, next hop and source, or the error."""
    done = subprocess.run(
        ["ip", "-n", NAMESPACE, "-j", "route", "get", str(destination), *selectors], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        for word, outcome in (
            ("Network is unreachable", Outcome.NO_ROUTE), ("No route to host", Outcome.UNREACHABLE),
            ("Permission denied", Outcome.PROHIBIT), ("Invalid argument", Outcome.BLACKHOLE),
        ):  # fmt: skip
            if word in done.stderr:
                return (outcome,)
        raise AssertionError(done.stderr)
    (entry,) = json.loads(done.stdout)
    outcome = Outcome(entry.get("type", "unicast"))
    return outcome, entry["dev"], entry.get("gateway"), entry.get("prefsrc")


def decided(decision):
    if decision.dropped:
        return (decision.outcome,)
    texts = (str(value) if value else None for value in (decision.gateway, decision.source))
    return decision.outcome, decision.device, *texts


def agrees(decision, answer):
    """Whether they are the same; of several equal next hops the kernel takes any."""
    if not decision.equal_hops or len(answer) < 3:
        return decided(decision) == answer
    ways = {(hop.device, str(hop.via) if hop.via else None) for hop in decision.equal_hops}
    return decision.outcome == answer[0] and (answer[1], answer[2]) in ways


def destinations(count):
    dice = random.Random(3)
    fixed = ["192.168.0.113", "192.168.3.7", "192.168.1.255", "127.0.0.1", "8.8.8.8", "10.9.9.9", "10.8.4.4"]
    return [IPv4Address(text) for text in fixed] + [
        IPv4Address(0x0A000000 | dice.getrandbits(24)) for _ in range(count)
    ]


def test_every_destination_goes_where_the_kernel_sends_it(populated):
    wrong = {
        str(destination): (decided(populated.lookup(destination)), answer)
        for destination in destinations(400)
        if not agrees(populated.lookup(destination), answer := asked(destination))
    }
    assert wrong == {}


def test_a_source_address_selects_rules_as_in_the_kernel(populated):
    source = IPv4Address("192.168.2.113")
    for destination in destinations(150):
        answer = asked(destination, "from", str(source))
        mine = populated.lookup(destination, source=source)
        assert agrees(mine, answer) or decided(mine)[:3] == answer[:3], destination


def test_a_mark_selects_rules_as_in_the_kernel(populated):
    for destination in destinations(100):
        assert agrees(populated.lookup(destination, mark=0x1F), asked(destination, "mark", "0x1f")), destination


def test_there_are_routes_over_several_next_hops_among_them(populated):
    assert any(populated.lookup(destination).equal_hops for destination in destinations(400))


def came_in(source, destination, device):
    """What the kernel makes of a packet that comes in: the error's words, or none when it is forwarded or delivered."""
    done = subprocess.run(
        ["ip", "-n", NAMESPACE, "route", "get", str(destination), "from", str(source), "iif", device],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stderr.strip()


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("where", ["all", "d0"])
def test_sources_are_refused_as_the_reverse_path_filter_of_the_kernel_does(populated, mode, where):  # noqa: ARG001
    """The higher of `all` and the interface's own value counts; nothing else is asked of the destination."""
    settings = {"all": 0, "d0": 0, "d1": 0, where: mode}
    for name, value in settings.items():
        run("ip", "netns", "exec", NAMESPACE, "sysctl", "-q", "-w", f"net.ipv4.conf.{name}.rp_filter={value}")
    run("ip", "netns", "exec", NAMESPACE, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    fib = Fib(snapshot())
    target = IPv4Address("192.168.3.113")
    wrong = []
    for source in destinations(40):
        for device in ("d0", "d1"):
            if source.is_loopback or not any(source.packed):
                continue
            said = came_in(source, target, device)
            passes = reverse_path(fib, source, device, destination=target).passes
            refused = "Invalid cross-device link" in said or "Invalid argument" in said
            if passes is not None and passes == refused:
                wrong.append((str(source), device, said, passes))
    assert wrong == []
