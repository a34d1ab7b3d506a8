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
# # Exploring flows with pandas
#
# Ordinary traffic of a healthy overlay: pings of several pods, three of them with the same ICMP identifier, TCP transfers
# and UDP queries. No fault is to be found; the point is how to ask questions.

# %%
import ipipscope as ix

capture = ix.load("captures/mixed-traffic")
report = capture.triage()
print(
    f"{report.packets} packets, {report.encapsulated} encapsulated, {report.answered} of {report.exchanges} exchanges answered"
)

# %% [markdown]
# ## Who talks to whom
#
# A flow is both directions of a conversation at all capture points together; no packet counts twice.

# %%
flows = capture.flows
flows[
    [
        "src",
        "dst",
        "protocol",
        "id",
        "sport",
        "dport",
        "sent_packets",
        "returned_packets",
        "sent_octets",
        "returned_octets",
    ]
].head(12)

# %%
flows.groupby("protocol", observed=True)[
    ["sent_packets", "returned_packets", "sent_octets", "returned_octets", "exchanges", "answered"]
].sum()

# %% [markdown]
# Is every flow encapsulated in both directions? What is native between the nodes would be rule IPIP103 or IPIP104.

# %%
overlay = flows[(flows["sent_encapsulated"] > 0) | (flows["returned_encapsulated"] > 0)]
print(len(overlay), "of", len(flows), "flows cross the overlay")
print("sent native:", int(overlay["sent_native"].sum()), " returned native:", int(overlay["returned_native"].sum()))

# %% [markdown]
# ## Pods of one block
#
# `where` reads a small language of comparisons; it works on packets as they come, so that only the rows that are wanted
# are held. Masks of pandas and `df.ipip.in_network` do the same on tables that are there.

# %%
inside = capture.where("inner_src in 10.122.17.64/26 and depth == 2 and inner_proto == 6")
mask = capture.packets.ipip.in_network("10.122.17.64/26", "inner_src") & (capture.packets["depth"] == 2)
print(len(inside), "TCP packets,", int(mask.sum()), "packets of any protocol")

# %% [markdown]
# ## How long answers take

# %%
exchanges = capture.exchanges
exchanges.assign(ms=exchanges["rtt"].dt.total_seconds() * 1000).groupby("protocol", observed=True)[
    "ms"
].describe().round(3)

# %%
ix.plots.rtt(capture)

# %%
ix.plots.timeline(capture)

# %% [markdown]
# ## Packets that are longer than the MTU
#
# TCP segmentation offload: the kernel hands the NIC packets longer than any link carries. They are normal in a capture.

# %%
capture.packets.groupby("point", observed=True)["inner_length"].max().sort_values(ascending=False).head()

# %% [markdown]
# ## Larger than memory
#
# `batches` yields DataFrames of a bounded size; `save` writes Parquet the same way.

# %%
octets = 0
for batch in capture.batches(rows=500, where="depth == 2", columns=["wire_length"]):
    octets += int(batch["wire_length"].sum())
print(f"{octets:,} octets on the wire as IPIP, at all NICs together")
