"""What was read to measurements, pure: one module for each kind of subject."""

from flow_telemetry.signals.metrics.of_changes import change_measurements
from flow_telemetry.signals.metrics.of_deliveries import delivery_measurements, dora_facts
from flow_telemetry.signals.metrics.of_items import feature_measurements, item_measurements
from flow_telemetry.signals.metrics.of_runs import run_measurements

__all__ = [
    "change_measurements",
    "delivery_measurements",
    "dora_facts",
    "feature_measurements",
    "item_measurements",
    "run_measurements",
]
