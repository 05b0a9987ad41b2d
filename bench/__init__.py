"""Measurements, each beside the machine's own limit (and, where there is one, a peer) in the same run."""
