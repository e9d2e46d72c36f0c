"""The DuckDB engine: one file, columns, exact answers."""
