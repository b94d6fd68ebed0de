"""The daemon: the loop that knows the order of the stages, and what starts, supervises and ends it."""
