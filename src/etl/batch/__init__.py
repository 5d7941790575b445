"""The pipeline for many datasets of one run date, by the state machine in stepfunctions/."""
