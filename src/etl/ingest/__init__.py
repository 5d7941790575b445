"""Records that are sent one request at a time: judged, written to raw, taken once."""
