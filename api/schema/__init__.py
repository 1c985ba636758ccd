"""What the OpenAPI document says beyond what drf-spectacular finds out by itself.

`shapes` and the modules named after a noun hold the shapes of answers and the examples; `errors` the error answers;
`fields` and `authentication` teach drf-spectacular our own classes; `document` adds what every operation has.
"""
