"""What a training run learned, as one HTML page that people can read."""
