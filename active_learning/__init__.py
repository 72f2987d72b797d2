"""Which document next: uncertainty, diversity, ranking with reasons. Pure: no files, no network, no clock."""
