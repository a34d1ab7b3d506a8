"""The finding and point tables: a row a finding of the report, a row a capture point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ipipscope.tables.table import NO_TIME, Column, Form, Table, labelled, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipipscope.report.model import Report


def finding_table(report: Report) -> Table:
    """The findings in the report's order; `finding` counts from 0, as the exchange table does."""
    found = report.findings
    causes = [finding.cause for finding in found]
    return Table(
        {
            "finding": Column(Form.NUMBER, np.arange(len(found), dtype="u4")),
            "code": labelled([finding.code for finding in found]),
            "rule": labelled([finding.rule for finding in found]),
            "impact": labelled([finding.impact.value for finding in found]),
            "confidence": labelled([finding.confidence.value for finding in found]),
            "node": labelled([finding.node for finding in found]),
            "interface": labelled([finding.interface for finding in found]),
            "count": Column(Form.NUMBER, np.array([finding.count for finding in found], "u4")),
            "first": _times([finding.first for finding in found]),
            "last": _times([finding.last for finding in found]),
            "summary": texts([finding.summary for finding in found]),
            "cause": labelled([cause.cls.value if cause else None for cause in causes]),
            "cause_node": labelled([cause.node if cause else None for cause in causes]),
            "config": texts([cause.config if cause else None for cause in causes]),
            "remedy": texts(["\n".join(each.command for each in finding.remedy) or None for finding in found]),
            "consequences": texts([" ".join(finding.consequences) or None for finding in found]),
            "display_filter": texts([finding.display_filter or None for finding in found]),
        }
    )


def point_table(report: Report) -> Table:
    """The capture points, by node and interface."""
    points = report.points
    dropped = [point.dropped for point in points]
    kinds = [point.kinds.items() for point in points]
    encapsulated = [sum(count for kind, count in each if kind.startswith("ipip")) for each in kinds]
    return Table(
        {
            "point": labelled([str(point.point) for point in points]),
            "node": labelled([point.point.node for point in points]),
            "interface": labelled([point.point.interface for point in points]),
            "role": labelled([point.role.value for point in points]),
            "packets": Column(Form.NUMBER, np.array([point.packets for point in points], "u8")),
            "encapsulated": Column(Form.NUMBER, np.array(encapsulated, "u8")),
            "first": _times([point.first for point in points]),
            "last": _times([point.last for point in points]),
            "dropped": Column(
                Form.NUMBER,
                np.array([each or 0 for each in dropped], "u8"),
                np.array([d is None for d in dropped], bool),
            ),
            "snaplen": Column(
                Form.NUMBER,
                np.array([point.snaplen for point in points], "u4"),
                np.array([not point.snaplen for point in points], bool),
            ),
            "link_type": labelled([" ".join(point.link_types) or None for point in points]),
            "files": texts([" ".join(point.files) for point in points]),
        }
    )


def _times(values: Sequence[int | None]) -> Column:
    return Column(Form.TIME, np.array([NO_TIME if value is None else value for value in values], "i8"))
