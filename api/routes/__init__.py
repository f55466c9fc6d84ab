"""One module a resource. Each translates between HTTP and `api.services.Services`, and decides nothing."""
