"""What happened: usage records and their sums, and what may be kept of events. Events themselves: not yet, see
docs/roadmap.md."""
