"""What is counted, for Prometheus. Labels are stable codes, never names of files or text of documents."""

from __future__ import annotations

from prometheus_client import Counter

TASK_FAILURES = Counter("docloop_task_failures", "Tasks answered with an empty prediction, by reason.", ["code"])
PAGE_FAILURES = Counter("docloop_page_failures", "Pages left empty, by reason.", ["code"])
PREDICTIONS = Counter("docloop_predictions", "Predictions answered, by where they came from.", ["source"])
HINTS = Counter("docloop_hints", "Webhooks taken in, by action.", ["action"])
