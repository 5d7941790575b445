"""A tour of what comes by itself: `python -m local_cloud.tour`, or `make demo-events`."""
