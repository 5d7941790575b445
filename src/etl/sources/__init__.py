"""Where records come from: `open_source` gives a run date's records as raw lines."""

from etl.sources.open import open_source

__all__ = ["open_source"]
