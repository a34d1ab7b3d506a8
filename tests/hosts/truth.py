"""Findings written by hand from a case's truth.json: what the packets show, without reading any packet."""

from ipaddress import IPv4Address

from ipipscope.model import Confidence, Finding, Flow, Impact, OuterPair, TunnelPair

CODES = {
    "reply-not-encapsulated": "IPIP101",
    "request-not-encapsulated": "IPIP102",
    "reply-sent-native": "IPIP103",
    "request-sent-native": "IPIP104",
    "outer-source-mismatch": "IPIP201",
    "reply-wrong-outer-destination": "IPIP202",
    "reply-through-other-node": "IPIP203",
    "interface-asymmetry": "IPIP204",
    "request-not-delivered-to-tunnel": "IPIP301",
    "request-dropped-after-decapsulation": "IPIP302",
    "reply-not-delivered-to-tunnel": "IPIP303",
    "reply-dropped-after-decapsulation": "IPIP304",
    "destination-pod-unreachable": "IPIP305",
    "no-reply": "IPIP306",
    "request-lost-between-nodes": "IPIP307",
    "reply-lost-between-nodes": "IPIP308",
    "mtu-exceeded": "IPIP401",
    "outer-fragmentation": "IPIP402",
    "inner-source-rewritten": "IPIP501",
    "random-loss": "IPIP601",
    "intermittent": "IPIP602",
    "duplication": "IPIP603",
    "delay-reorder": "IPIP604",
    "capture-window": "IPIP901",
}


def pair(text: str) -> tuple[IPv4Address, IPv4Address]:
    left, _, right = text.partition(" > ")
    return IPv4Address(left), IPv4Address(right)


def seen(truth: dict) -> list[dict]:
    return [flow for file in truth["expected"] for flow in file["flows"]]


def is_request(flow: dict) -> bool:
    return flow["kind"] in ("echo-request", "tcp syn")


def is_reply(flow: dict) -> bool:
    return flow["kind"] in ("echo-reply", "tcp syn-ack")


def finding_of(truth: dict, node: str | None) -> Finding:
    """The finding that the truth of a case asks for, at *node*."""
    flows: dict[Flow, None] = {}
    requests: dict[OuterPair, None] = {}
    replies: dict[OuterPair, None] = {}
    requester, replier = truth["nodes"].get(truth["requester"], {}), truth["nodes"].get(truth["replier"], {})
    for flow in seen(truth):
        source, destination = pair(flow["inner"])
        if is_request(flow) and not _belongs(source, replier):
            flows.setdefault(Flow(source, destination, "icmp" if flow["kind"].startswith("echo") else "tcp"))
            if flow.get("outer"):
                requests.setdefault(OuterPair(*pair(flow["outer"])))
        elif is_reply(flow) and flow.get("outer") and not _belongs(source, requester):
            replies.setdefault(OuterPair(*pair(flow["outer"])))
    if not flows:  # connections that got nowhere are in the phases only
        for phase in truth["exchanges"]["phases"]:
            source = next((pod["ip"] for name, pod in requester["pods"].items() if name == phase["from"]), None)
            if source is not None:
                flows.setdefault(Flow(IPv4Address(source), IPv4Address(phase["to"]), phase.get("kind", "icmp")))
    pairs = TunnelPair(next(iter(requests), None), next(iter(replies), None))
    code = CODES[truth["fault"]]
    return Finding(
        code=code, rule=truth["fault"], impact=Impact(truth["impact"]), confidence=Confidence.CERTAIN, node=node,
        interface=None, count=10, first=0, last=1, summary="", flows=tuple(flows), tunnels=(pairs,),
    )  # fmt: skip


def _belongs(address: IPv4Address, node: dict) -> bool:
    pods = [pod["ip"] for pod in node.get("pods", {}).values()]
    return str(address) in (*pods, node.get("tunl0"))
