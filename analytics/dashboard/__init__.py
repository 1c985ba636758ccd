"""The page "Usage" of the staff: what an organisation asked of models, drawn and in tables. It reads roll-ups only."""
