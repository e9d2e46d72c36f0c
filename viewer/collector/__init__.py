"""The doors: receivers, and the pipeline from a payload to the store."""
