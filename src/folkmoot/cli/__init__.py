"""The command line. Every command stands before the desk (ports/desk.py) and says what it was told.

stdout carries what was asked for (with `--json` nothing but JSON); stderr carries progress, notes
and errors. The exit code says how it went (exits.py); it is the same table for every command.
"""
