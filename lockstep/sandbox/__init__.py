"""The embedded AWS: its start and stop, its Docker engine, its stand-in base image."""
