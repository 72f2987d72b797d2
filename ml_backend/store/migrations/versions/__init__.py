"""One file a change: what it did is never edited afterwards."""
