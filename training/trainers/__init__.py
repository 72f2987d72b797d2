"""How a model version is made from samples: one file a kind of model."""
