"""The gate's rules: one a file, asked in the order that order.py declares."""
