"""Fields by the words printed near them: what those words are, and how each kind of field is searched for."""
