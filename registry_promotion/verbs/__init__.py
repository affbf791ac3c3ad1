"""The verbs of promotion: each is a client of the server, which decides. One file a verb."""
