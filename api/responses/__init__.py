"""OpenAI's Responses API, stateless: a request becomes a chat, and what the chat answers becomes a response.

`translating` makes the chat, whose model may be of this process or of any upstream. `reading` reads what it answers,
`items` and `output` make of that the items of a response and the events that tell of them; `answering` gives a whole
response and `streaming` those events. `naming` says of an error in the caller's words where the mistake is.
"""
