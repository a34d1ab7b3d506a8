# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own rule
#
# A rule says what can be wrong, and when it is. Suppose nobody may send overlay traffic from the storage network
# 192.168.0.0/24, whatever comes of it. That is a rule of one cluster, not of ipipscope: it is written here, registered,
# tested, and used.

# %%
from ipaddress import IPv4Network
from types import SimpleNamespace

import ipipscope as ix
from ipipscope.model import Confidence, Leg
from ipipscope.rules.rule import Rule, Strike

STORAGE = IPv4Network("192.168.0.0/24")

# %% [markdown]
# ## Its texts
#
# They are what `ipipscope explain ACME101` and the reports print; all are required.

# %%
RULE = Rule(
    code="ACME101",
    name="reply-from-storage-network",
    source="our addressing plan, section 4",
    seen="A reply leaves a node as IPIP with an outer source in the storage network.",
    meaning="The kernel chose the storage NIC's address as outer source, because the route to the peer leaves there.",
    looks="At the replier's NIC and at the requester's: IPIP from 192.168.0.0/24.",
    causes="A node's address was detected on the wrong NIC, or its peer has no address in the overlay's network.",
    mend="Set the address autodetection method of the node to the overlay's network.",
    disproved_by="The same reply with an outer source of the overlay's network.",
)

# %% [markdown]
# ## Its test
#
# `view` is one journey, the exchanges of a flow that were seen alike, with what can be said about it: `looks(leg)`,
# `at(leg, node, position)`, `missing(leg, node, position)`, `outer_anywhere(leg)`. A rule returns a `Strike`, or None where
# it does not strike or the captures cannot tell. `lost=None`: this rule is not about loss.


# %%
def struck(view):
    for look in view.outer_anywhere(Leg.REPLY):
        if look.outer.src in STORAGE:
            return Strike(
                node=view.name(Leg.REPLY),
                interface=view.interface([look]),
                confidence=Confidence.CERTAIN,
                proofs=((look, f"reply from {look.outer.src}"),),
                lost=None,
            )
    return None


def summary(count, strike, view):
    return f"{strike.node} answers {count} times from the storage network."


storage_rule = SimpleNamespace(RULE=RULE, struck=struck, summary=summary)

# %% [markdown]
# ## Held to what built-in rules are held to
#
# Code and name are free, all texts are there, `struck` returns a Strike or None on every journey and says the same when
# asked again, a proof is a sighting, and healthy captures stay silent. The same call stands in a package's tests.

# %%
from pathlib import Path

captures = Path("../captures")
cases = sorted(case / "captures" for case in captures.iterdir() if (case / "captures").is_dir())
ix.check_rule(storage_rule, cases=cases, healthy=[captures / "healthy" / "captures", captures / "healthy-nanoseconds"])

# %% [markdown]
# ## Used
#
# `before` says which rule it is asked before; without it, it is asked last. What lost an exchange still comes first, and
# this rule is not about loss: in case 2 it stands among the consequences, and where everything is answered it names the
# finding.

# %%
ix.register_rule(storage_rule, before="IPIP501")
for case in ("case-2-outer-source-mismatch", "case-2-mended"):
    for finding in ix.triage(captures / case / "captures").findings:
        print(f"{case}: {finding.code} {finding.rule}, impact {finding.impact}: {finding.summary}")
        print("  consequences:", *finding.consequences)

# %% [markdown]
# A rule for everybody goes into a package, whose `pyproject.toml` says
#
# ```toml
# [project.entry-points."ipipscope.rules"]
# storage = "acme_rules.storage"
# ```
#
# where `acme_rules/storage.py` holds `RULE`, `struck` and `summary`. Every triage of that installation asks it.

# %%
ix.unregister_rule("ACME101")
