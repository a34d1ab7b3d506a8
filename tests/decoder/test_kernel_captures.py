"""The decoder against captures of a real kernel: counts by kind as their truth has them, read there with tshark."""

from collections import Counter

from ipipscope.decoder.columns import Flags, Kind, Part

PARTS = {
    Part.ECHO_REQUEST: "echo-request", Part.ECHO_REPLY: "echo-reply", Part.SYN: "tcp syn", Part.SYN_ACK: "tcp syn-ack",
}  # fmt: skip
TCP, UDP = 6, 17


def names(columns, row):
    """What the truth calls a packet; an outer fragment has two names."""
    kind, flags = columns.kind[row], columns.flags[row]
    if kind == Kind.ARP:
        return ["arp"]
    if kind == Kind.IPV6:
        return ["plain6"]
    if kind == Kind.IPIP_FRAGMENT:
        return ["ipip later-fragment", "fragment outer-later"]
    assert kind in (Kind.NATIVE, Kind.IPIP)
    found = ["fragment outer-first"] if flags & Flags.OUTER_FRAGMENT else []
    if flags & Flags.INNER_FRAGMENT:
        found.append("fragment inner-later" if columns.fragment_offset[row] else "fragment inner-first")
    carrier = "ipip" if kind == Kind.IPIP else "plain"
    part, proto = columns.part[row], columns.inner_proto[row]
    if part == Part.ERROR:
        quoted = "ipip" if columns.quoted_depth[row] > 1 else "plain"
        error, mtu = f"{columns.icmp_type[row]}/{columns.icmp_code[row]}", columns.icmp_mtu[row]
        what = f"icmp-error {error} quoting {quoted} mtu {mtu}"
    elif columns.fragment_offset[row]:
        what = "later-fragment"
    elif part in PARTS:
        what = PARTS[part]
    else:
        what = {TCP: "tcp other", UDP: "udp"}[proto]
    return [*found, f"{carrier} {what}"]


def told(counts):
    """The truth's counts, without what only tells IPv6 packets apart, and with merged files' interfaces folded."""
    folded = Counter()
    for told_name, count in counts.items():
        name = told_name.partition(": ")[2] or told_name
        folded["plain6" if name.startswith("plain6") else name] += count
    return folded


def test_counts_by_kind_are_those_of_the_truth(kernel_case, build):
    for file in kernel_case.truth["expected"]:
        columns = build.decode(kernel_case.folder / file["file"])
        seen = Counter(name for row in range(len(columns)) for name in names(columns, row))
        assert seen == told(file["counts"]), file["file"]


def test_the_outer_addresses_are_those_of_the_truth(kernel_case, build):
    for file in kernel_case.truth["expected"]:
        columns = build.decode(kernel_case.folder / file["file"])
        outer = Counter()
        for row in range(len(columns)):
            if columns.kind[row] == Kind.IPIP and columns.part[row] in PARTS:
                pair = " > ".join(dotted(address) for address in (columns.outer_src[row], columns.outer_dst[row]))
                outer[PARTS[columns.part[row]], pair] += 1
        expected = Counter()
        for flow in file["flows"]:
            if flow["as"] == "ipip" and flow["kind"] in PARTS.values():
                expected[flow["kind"], flow["outer"]] += flow["packets"]
        assert outer == expected, file["file"]


def dotted(address):
    return ".".join(str(octet) for octet in int(address).to_bytes(4, "big"))
