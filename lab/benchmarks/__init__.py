"""`python -m lab.benchmarks`: our work beside the same work done bare, in one run on one stack of its own."""
