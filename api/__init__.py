"""REST in, results out. It holds no state: sessions live in Temporal. Touch it to change what HTTP callers see."""
