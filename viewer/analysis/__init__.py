"""What can be said of a trace: one pure function over its tree a file."""
