"""What ships a release by itself: the pipeline, its buildspecs, and what runs both on this machine."""
