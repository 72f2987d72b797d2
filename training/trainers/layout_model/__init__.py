"""Fine-tunes LayoutLMv3 and LiLT (torch, transformers) and leaves them as ONNX, which serving needs neither for."""

from training.trainers.layout_model.options import LayoutTraining
from training.trainers.layout_model.trainer import LayoutTrainer

__all__ = ["LayoutTrainer", "LayoutTraining"]
