"""Figures from arrays; only this package knows matplotlib."""
