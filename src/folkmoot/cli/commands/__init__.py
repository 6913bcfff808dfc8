"""One file for each command, or for commands that are the same act with another word."""
