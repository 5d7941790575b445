"""What Prefect's pages show of a run: tables and texts of what is known, free of Prefect.

An artifact's key is the dataset's, so that the runs of a dataset are versions of one artifact.
"""

from etl.artifacts.artifact import Artifact, artifact_key

__all__ = ["Artifact", "artifact_key"]
