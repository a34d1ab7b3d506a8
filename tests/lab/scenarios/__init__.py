"""The library of cases, one module a kind of cause. Every function makes a Plan out of any cluster that fits."""

from ..cluster import plan_cluster
from ..plan import SCENARIOS
from ..profiles import PROFILES
from . import fabric, filters, healthy, limits, nat, native, outer_addresses, pods, routes, sizes

__all__ = [
    "SCENARIOS", "fabric", "filters", "fitting", "healthy", "limits", "mendable", "nat", "native", "outer_addresses",
    "pods", "routes", "sizes",
]  # fmt: skip


def fitting(profile: str) -> list[str]:
    """The scenarios that the cluster of *profile* has the traits for."""
    return [name for name, scenario in SCENARIOS.items() if scenario.needs <= PROFILES[profile].traits]


def mendable(profile: str) -> list[str]:
    """Those of fitting() that lose traffic and are mended by commands on nodes alone: the ones for a closed loop."""
    names = []
    for name in fitting(profile):
        cluster = plan_cluster(PROFILES[profile], pods_per_node=SCENARIOS[name].pods_per_node)
        plan = SCENARIOS[name].make(cluster)
        nodes = {node.name for node in cluster.nodes}
        if plan.impact != "none" and plan.fix and {step.namespace for step in plan.fix} <= nodes:
            names.append(name)
    return names
