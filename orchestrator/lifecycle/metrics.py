"""What is counted along the way, in Prometheus' terms."""

from typing import Final

from prometheus_client import Counter

ACCEPTED: Final = Counter("orchestrator_jobs_accepted_total", "Jobs that were accepted.", ["operation"])
FINISHED: Final = Counter("orchestrator_jobs_finished_total", "Jobs that reached a final state.", ["state"])
SUBMITS: Final = Counter("orchestrator_submits_total", "Submits by what the provider made of them.", ["outcome"])
CALLBACKS: Final = Counter("orchestrator_callbacks_total", "Replies in the inbox by what became of them.", ["state"])
RECOVERED: Final = Counter(
    "orchestrator_tasks_recovered_by_poll_total", "Results that came by asking, not by callback."
)
STORED: Final = Counter("orchestrator_assets_stored_total", "Assets whose bytes were stored.")
DELIVERIES: Final = Counter("orchestrator_delivery_attempts_total", "Webhook attempts by outcome.", ["outcome"])
