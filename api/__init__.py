"""The OpenAI wire: every /v1/… endpoint, the model catalog, routing and the backends that answer."""
