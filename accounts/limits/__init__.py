"""Limits in force: what a caller may use, reserved before a model is asked and settled afterwards."""
