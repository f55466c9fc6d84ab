"""A soak: many short sessions with simulated agents and callers, while workers and APIs are killed; then a count."""
