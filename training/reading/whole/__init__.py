"""The network learns to read, not its last layer alone, with torch; it is served without torch, by the same file as before."""
