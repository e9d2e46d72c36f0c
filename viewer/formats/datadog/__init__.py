"""Datadog: what tracers send to an agent, versions 0.3 to 1.0, and files of the same."""
