"""What is counted, for Prometheus. Labels are stable codes, never names of files or text of documents."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

TASK_FAILURES = Counter("docloop_task_failures", "Tasks answered with an empty prediction, by reason.", ["code"])
PAGE_FAILURES = Counter("docloop_page_failures", "Pages left empty, by reason.", ["code"])
PREDICTIONS = Counter("docloop_predictions", "Predictions answered, by where they came from.", ["source"])
HINTS = Counter("docloop_hints", "Webhooks taken in, by action.", ["action"])

REQUESTS = Counter("docloop_http_requests", "Requests answered, by route and status.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "docloop_http_request_seconds",
    "How long requests took, by route.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 100),
)
OCR_SECONDS = Histogram(
    "docloop_ocr_page_seconds",
    "How long reading a page took, by engine.",
    ["engine"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64),
)
OCR_CACHE = Counter("docloop_ocr_cache", "Pages asked of the OCR cache: hit or miss.", ["result"])
SHARED_CACHE = Counter("docloop_shared_ocr_cache", "Questions to the OCR cache in the storage, by answer.", ["answer"])
