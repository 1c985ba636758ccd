"""The parts of `manage.py flag`: one class a subcommand.

base           where a subcommand acts, and how it says what it did
showing        list, show, explain, stale
changing       create, on, off, archive
ramping        rollout, ramp
transferring   import, export
"""
