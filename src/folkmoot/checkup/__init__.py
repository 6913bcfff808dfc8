"""The doctor's list: what a deployment needs, tried one by one. Part of the composition root."""
