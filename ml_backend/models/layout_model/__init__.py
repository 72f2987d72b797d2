"""LayoutLMv3 and LiLT in use: ONNX Runtime over windows of sub-words with their boxes, no torch.

Text and layout only: the network sees what the words say and where they stand, not the page's pixels.
"""

from ml_backend.models.layout_model.extractor import LayoutModel

__all__ = ["LayoutModel"]
