"""The whole system on one machine: `make up`, and the same stack on free ports for the tests and the bench."""
