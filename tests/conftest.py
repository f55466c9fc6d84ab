"""Rules for every test: no network but loopback, no settings from the developer's own `.env`."""
