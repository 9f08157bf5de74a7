"""The identity graph as arrays: nodes, components, guards, people."""
