"""From words to fields: one protocol, and the models behind it."""
