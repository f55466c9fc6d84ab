"""One module a resource; each translates between HTTP and `api.sessions.Sessions`, and decides nothing."""
