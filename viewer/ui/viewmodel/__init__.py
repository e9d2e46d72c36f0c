"""The numbers that partials print: frozen dataclasses and a function for each."""
