"""Peers: the same agent as plain livekit-agents serves it, to measure ours against."""
