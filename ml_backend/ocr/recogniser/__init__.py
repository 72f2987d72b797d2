"""Recognisers that learned: PP-OCRv6's network with a last layer of its own, and what is needed to train one.

Serving needs ``onnxruntime`` or ``openvino`` alone; ``onnx`` is only for taking the network apart and for writing a new version.
"""
