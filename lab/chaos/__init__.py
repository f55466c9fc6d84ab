"""`python -m lab.chaos`: injects faults into calls on a real stack, at every moment of the conversation."""
