"""What happened: usage records, events and roll-ups. Not yet: see docs/roadmap.md."""
