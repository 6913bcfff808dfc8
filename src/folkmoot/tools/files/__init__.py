"""Files of the workspace: read, write, edit, list, search."""
