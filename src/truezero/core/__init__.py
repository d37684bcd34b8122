"""Definitions: what a network, an activation, a draw, a row is. No training, no engine."""
