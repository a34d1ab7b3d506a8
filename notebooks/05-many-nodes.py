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
# # Many nodes
#
# Five nodes, every pod pings every other, recorded on all of them. One node's route to one block is wrong. Matrices show
# at a glance which pair it is.

# %%
import ipipscope as ix

capture = ix.load("captures/many-nodes")
report = capture.triage()
print(f"{report.answered} of {report.exchanges} exchanges answered")
for finding in report.findings:
    print(finding.code, finding.rule, "on", finding.node, "-", finding.count, "exchanges")

# %%
ix.plots.answered(capture)

# %% [markdown]
# Both directions of one pair fail: rack1-n2 encapsulates neither its replies to rack1-n1 nor its own requests to it. One
# route is at fault. What else was found cost nothing so far, as its impact says:

# %%
capture.findings[["code", "rule", "impact", "node", "count", "cause"]]

# %%
print(capture.finding(0).details.cause.config)

# %% [markdown]
# rack2-n2 has a NIC in the first network only. Its peers are known by their addresses in the second one and answer it from
# the first: the matrix of outer addresses is not symmetric there. Nobody filters by outer source in this cluster, so all
# of it is answered; with Calico's usual filter it would be case 2.

# %%
ix.plots.outer_addresses(capture);

# %% [markdown]
# ## Delays
#
# Within a node all points share a clock. Between nodes a delay holds the difference of the clocks as well; in this
# laboratory they are the same.

# %%
ix.plots.hop_delays(capture)

# %%
exchanges = capture.exchanges
table = exchanges.assign(ms=exchanges["rtt"].dt.total_seconds() * 1000)
table.pivot_table(index="requester", columns="replier", values="ms", aggfunc="median", observed=True).round(2)

# %% [markdown]
# ## The broken exchange beside a healthy one

# %%
lost = exchanges[exchanges["verdict"] == "unanswered"].iloc[0]
healthy = exchanges[(exchanges["verdict"] == "answered") & (exchanges["replier"] == lost["replier"])].iloc[0]
ix.plots.ladder(capture, int(lost["exchange"]))

# %%
ix.plots.ladder(capture, int(healthy["exchange"]))
