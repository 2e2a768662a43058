"""Build a container-image Lambda service once, deploy the same digest to every account."""

VERSION = "0.1.0"
