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
# # A first look
#
# Somebody pings through an IPIP overlay and gets no answer. `tcpdump` ran on both nodes, on their NICs, on `tunl0` and
# on the pods' interfaces. What do the captures show?

# %%
import ipipscope as ix

capture = ix.load("../captures/case-1-reply-not-encapsulated/captures")

# %% [markdown]
# Nothing was read so far. The verdict is what `ipipscope triage` says on the command line:

# %%
report = capture.triage()
print(f"{report.answered} of {report.exchanges} exchanges answered")
for finding in report.findings:
    print(finding.code, finding.rule, "on", finding.node)
    print(finding.summary)
    print("cause: ", finding.cause.text)
    for remedy in finding.remedy:
        print(f"remedy, on {remedy.node}: {remedy.command}")

# %% [markdown]
# Where was recorded, and how much:

# %%
capture.points[["point", "role", "packets", "encapsulated", "first", "last"]]

# %% [markdown]
# Every packet is a row. Outer addresses are missing where there is no outer header, and `icmp_type == 0` means an echo
# reply, not "no ICMP": what a packet lacks is missing, never zero.

# %%
capture.packets[
    ["frame", "time", "point", "outer_src", "outer_dst", "inner_src", "inner_dst", "icmp_type", "icmp_seq"]
].head()

# %%
capture.where("icmp_type == 0").groupby("point", observed=True).size().rename("echo replies")

# %% [markdown]
# Replies are on node3's tunnel and nowhere else. One exchange, from capture point to capture point:

# %%
ix.plots.ladder(capture, 1)

# %% [markdown]
# In a notebook, `capture`, `report`, `capture.finding(0)` and `capture.exchange(1)` show themselves with the pictures of
# the HTML report; printed, an exchange looks as in `ipipscope show --exchange`:

# %%
print(capture.exchange(1))
