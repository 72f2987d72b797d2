"""What is on the paper, and what is said about it: pages, words, fields. The standard library only."""
