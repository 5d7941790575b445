"""AWS Step Functions: executions of standard state machines. Errors are botocore's own."""

from aws.stepfunctions.executions import (
    Execution,
    ExecutionTimeoutError,
    StateEntered,
    describe_execution,
    list_states_entered,
    start_execution,
    wait_for_execution,
)

__all__ = [
    "Execution",
    "ExecutionTimeoutError",
    "StateEntered",
    "describe_execution",
    "list_states_entered",
    "start_execution",
    "wait_for_execution",
]
