"""The library of cases, one module a kind of cause. Every function makes a Plan out of any cluster that fits."""

from ..plan import SCENARIOS
from . import fabric, filters, healthy, limits, nat, native, outer_addresses, pods, routes, sizes

__all__ = [
    "SCENARIOS", "fabric", "filters", "healthy", "limits", "nat", "native", "outer_addresses", "pods", "routes",
    "sizes",
]  # fmt: skip
