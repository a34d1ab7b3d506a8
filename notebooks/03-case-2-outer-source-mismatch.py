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
# # Case 2: the reply comes from another outer address
#
# Requests are sent to node4 at 192.168.3.113. Its replies are encapsulated and leave, but from 192.168.0.113, an address
# that its peer does not know: the peer's filter accepts IPIP from known nodes only and drops them. Nothing is missing on
# node4; the asymmetry is in the outer header.

# %%
import ipipscope as ix

broken = ix.load("../captures/case-2-outer-source-mismatch/captures")
mended = ix.load("../captures/case-2-mended/captures")

# %% [markdown]
# ## Tunnel pairs that do not mirror
#
# `df.ipip.asymmetry()` groups exchanges by the outer addresses of request and reply. In a healthy overlay the reply's
# source is the request's destination, and the other way round.

# %%
broken.exchanges.ipip.asymmetry()

# %%
mended.exchanges.ipip.asymmetry()

# %% [markdown]
# The same as a matrix: who sends IPIP from which address to whom. Where replies mirror requests it is symmetric.

# %%
ix.plots.outer_addresses(broken)

# %%
ix.plots.outer_addresses(mended)

# %% [markdown]
# ## Where the replies end

# %%
ix.plots.ladder(broken, 1)

# %%
broken.where("icmp_type == 0 and outer_src == 192.168.0.113").groupby("point", observed=True).size()

# %% [markdown]
# ## Cause and remedy

# %%
finding = broken.triage().findings[0]
print(finding.code, finding.rule, "on", finding.node)
print(finding.cause.text)
print(finding.cause.config)
print()
for remedy in finding.remedy:
    print(f"# on {remedy.node}: {remedy.why}")
    print(remedy.command)

# %% [markdown]
# After the routes were mended, the same cluster answers everything:

# %%
report = mended.triage()
print(f"{report.answered} of {report.exchanges} answered, healthy: {report.healthy}")
ix.plots.rtt(mended)
