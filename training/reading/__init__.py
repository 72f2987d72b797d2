"""Learning to read: the recogniser of the OCR engine is trained on text lines that people transcribed or corrected."""
