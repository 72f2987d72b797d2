"""The whole network learns to read, with torch; it is served without torch, by the same file as before."""
