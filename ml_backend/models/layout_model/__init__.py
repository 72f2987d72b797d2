"""LayoutLMv3 and LiLT in use: ONNX Runtime over windows of sub-words with their boxes, no torch.

LayoutLMv3 also looks at the page, in very few pixels; LiLT knows what the words say and where they stand.
"""

from ml_backend.models.layout_model.extractor import LayoutModel

__all__ = ["LayoutModel"]
