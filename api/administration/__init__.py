"""What administrators do to an organisation: the rules behind the Admin API, which know no request.

Everything is looked for within one organisation, so that what another one has is not there. These modules raise the
exceptions of `api.exceptions` and `accounts.exceptions`, and change nothing where they raise.
"""
