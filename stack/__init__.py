"""Runs the whole system on one machine: `make up`, and the same on free ports for the tests and the bench."""
