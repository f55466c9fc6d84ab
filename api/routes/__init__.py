"""One module a resource; each translates between HTTP and `api.gateway.sessions.Sessions`, and decides nothing."""
