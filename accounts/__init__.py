"""Who is calling and what they may do: organisations, projects, users, service accounts and API keys."""
