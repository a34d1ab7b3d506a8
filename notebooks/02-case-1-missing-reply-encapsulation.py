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
# # Case 1: the reply is never encapsulated
#
# The founding story of ipipscope. A ping from node1 reaches node3 as IPIP, node3's `tunl0` shows request and reply, and
# no reply ever leaves node3's NIC. Two tcpdump windows side by side showed it to a patient reader; here the tables do.

# %%
import ipipscope as ix

capture = ix.load("../captures/case-1-reply-not-encapsulated/captures")

# %% [markdown]
# ## What every point saw
#
# Sightings are packets of exchanges at capture points. Counted by point and leg, with and without an outer header:

# %%
seen = capture.sightings
seen["form"] = seen["outer_src"].isna().map({True: "inner only", False: "IPIP"})
seen.pivot_table(
    index=["node", "point", "role"],
    columns=["leg", "form"],
    values="frame",
    aggfunc="count",
    observed=True,
    fill_value=0,
)

# %% [markdown]
# Requests travel as IPIP and come out of node3's tunnel. Replies are seen on the tunnel and never as IPIP, at no NIC of
# node3: rule IPIP101. The rule says what it takes to be sure, and what would disprove it.

# %%
finding = capture.triage().findings[0]
print(finding.code, finding.rule, f"({finding.confidence})")
print(finding.disproved_by)

# %% [markdown]
# ## The way of one exchange

# %%
ix.plots.ladder(capture, 1)

# %% [markdown]
# ## Why
#
# The captures alone cannot know why. The state of the hosts, recorded beside them, does: node3 reaches the block of
# node1 through its *own* tunnel address, so the packet that leaves the tunnel is routed into the tunnel again, and the
# kernel drops it.

# %%
print(finding.cause.cls, "on", finding.cause.node)
print(finding.cause.config)
print(finding.cause.text)
print(*finding.cause.counters, sep="\n")

# %% [markdown]
# ## What mends it
#
# Commands are printed, never run.

# %%
for remedy in finding.remedy:
    print(f"# on {remedy.node}: {remedy.why}")
    print(remedy.command)
    print(f"# undo: {remedy.undo}" if remedy.undo else "")

# %% [markdown]
# ## The proof, frame by frame
#
# Evidence names files and frames; any frame can be taken as scapy sees it.

# %%
for evidence in finding.evidence[:3]:
    frame = capture.frame(evidence.file, evidence.frame)
    print(evidence.what, "|", frame.point, "|", frame.scapy().summary())
