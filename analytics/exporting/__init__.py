"""What analytics has stored, taken out as CSV or JSON Lines."""
