"""Who changed what, when, from where: the audit log.

context     who acts now, kept in a context variable
snapshots   what of a row is written down, as plain JSON
recording   the way in: audited models use it by themselves, other code calls `record`
chain       appends to the hash chain of an organisation
signing     signatures under a key derived from SECRET_KEY
triggers    what makes the tables append-only, and the one switch
verifying   proves a chain
pruning     shortens a chain, leaving a signed checkpoint
restoring   puts back what an event says was there before
"""
