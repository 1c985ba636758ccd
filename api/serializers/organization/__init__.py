"""What the Admin API takes and gives: bodies, query strings, and the objects of OpenAI's specification."""
