"""Task to prediction to annotation: what Label Studio talks to."""

import os

# Nothing leaves the machine. ONNX Runtime (since 1.29) and the model hub's client report their use by default; they ask for these
# variables when they are first loaded, and no process of docloop loads them before this package (P20 is the proof).
for _name in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ[_name] = "1"
