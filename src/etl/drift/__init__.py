"""What the source sends, held against the contract: seen by line, tallied, told as a diff.

Standard library only, so that Spark's workers and the validator carry it.
"""
