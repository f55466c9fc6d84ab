"""`python -m lab.chaos`: a real caller on the real stack, and faults at every moment of the conversation."""
