"""`python -m lab.load`: offers half to three times what the machine carries, to this system and to a plain worker."""
