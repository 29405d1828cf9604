"""Entries of /diagnostics: findings with a level, and figures by name."""

from __future__ import annotations

from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.qos import QoSProfile

_SEVERITY = {
    DiagnosticStatus.OK: 0,
    DiagnosticStatus.WARN: 1,
    DiagnosticStatus.STALE: 2,
    DiagnosticStatus.ERROR: 3,
}


@dataclass(slots=True)
class Status:
    """One entry of a diagnostics message.

    Attributes:
        name: part of the node that it is about.
        findings: levels and texts, most severe first.
        values: figures by name; a name ends in its unit, e.g. "waiting_s".
    """

    name: str
    findings: list[tuple[bytes, str]] = field(default_factory=list)
    values: dict[str, object] = field(default_factory=dict)

    @property
    def level(self) -> bytes:
        """The level of the most severe finding."""
        return self.findings[0][0] if self.findings else DiagnosticStatus.OK

    @property
    def message(self) -> str:
        """All findings in one line."""
        return '; '.join(text for _, text in self.findings) or 'OK'

    def add(self, level: bytes, text: str) -> None:
        """Add a finding."""
        self.findings.append((level, text))
        self.findings.sort(key=lambda one: -_SEVERITY[one[0]])


class Diagnostics:
    """Publishes the status of a node's parts.

    Args:
        node: node that the diagnostics are about.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher = node.create_publisher(
            DiagnosticArray, '/diagnostics', QoSProfile(depth=10)
        )

    def publish(self, statuses: list[Status]) -> None:
        """Publish these entries now."""
        name = self._node.get_fully_qualified_name()
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.status = [
            DiagnosticStatus(
                level=one.level,
                name=f'{name.lstrip("/")}: {one.name}',
                message=one.message,
                hardware_id=name,
                values=[
                    KeyValue(key=key, value=_format(value)) for key, value in one.values.items()
                ],
            )
            for one in statuses
        ]
        self._publisher.publish(message)


def _format(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'{value:.3f}' if isinstance(value, float) else str(value)
