"""All rules, and the order in which they are asked: faults before what follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from ipipscope.rules import (
    capture_dropped,
    capture_truncated,
    capture_window,
    delay_reorder,
    destination_pod_unreachable,
    duplication,
    inner_source_rewritten,
    interface_asymmetry,
    intermittent,
    mtu_exceeded,
    no_reply,
    outer_fragmentation,
    outer_source_mismatch,
    random_loss,
    reply_dropped_after_decapsulation,
    reply_lost_between_nodes,
    reply_not_delivered_to_tunnel,
    reply_not_encapsulated,
    reply_sent_native,
    reply_through_other_node,
    reply_wrong_outer_destination,
    request_dropped_after_decapsulation,
    request_lost_between_nodes,
    request_not_delivered_to_tunnel,
    request_not_encapsulated,
    request_sent_native,
    tunnel_not_captured,
)

if TYPE_CHECKING:
    from ipipscope.rules.rule import Rule, RuleModule

JOURNEY_RULES: Final = cast(
    "tuple[RuleModule, ...]",
    (
        inner_source_rewritten,
        mtu_exceeded,
        request_not_encapsulated,
        request_sent_native,
        reply_through_other_node,
        reply_wrong_outer_destination,
        outer_source_mismatch,
        reply_sent_native,
        reply_not_encapsulated,
        request_lost_between_nodes,
        request_not_delivered_to_tunnel,
        request_dropped_after_decapsulation,
        reply_lost_between_nodes,
        reply_not_delivered_to_tunnel,
        reply_dropped_after_decapsulation,
        destination_pod_unreachable,
        no_reply,
        interface_asymmetry,
        duplication,
        delay_reorder,
        random_loss,
        intermittent,
    ),
)
"""Asked of each journey, in this order; the first that strikes is the fault, the others follow from it."""

BY_CODE: Final = {module.RULE.code: module for module in JOURNEY_RULES}

CAPTURE_RULES: Final = (outer_fragmentation, capture_window, capture_truncated, capture_dropped, tunnel_not_captured)
"""Asked of the capture as a whole: what it cannot show, and what to record next."""

RULES: Final[dict[str, Rule]] = {
    rule.code: rule
    for rule in sorted(
        (*(module.RULE for module in JOURNEY_RULES), *(module.RULE for module in CAPTURE_RULES)),
        key=lambda rule: rule.code,
    )
}
"""By number."""


OWN: Final[list[tuple[RuleModule, str | None]]] = []
"""Rules that users added (`ipipscope.own_rules`), each with the code before which it is asked; None for last."""


def journey_rules() -> tuple[RuleModule, ...]:
    """The rules that are asked of each journey, in order, those of users among them."""
    asked = list(JOURNEY_RULES)
    for module, before in OWN:
        codes = [each.RULE.code for each in asked]
        asked.insert(codes.index(before) if before in codes else len(codes), module)
    return tuple(asked)


def find_rule(text: str) -> Rule | None:
    """The rule with this number or name; `101` will do for `IPIP101`."""
    wanted = text.strip().lower()
    return next((rule for rule in RULES.values() if wanted in {rule.code.lower(), rule.code[4:], rule.name}), None)


def like_rule(text: str) -> list[str]:
    """Names of rules that somebody may have meant."""
    from difflib import get_close_matches  # noqa: PLC0415  (only after a slip)

    return get_close_matches(text.strip().lower(), [rule.name for rule in RULES.values()], n=2)
