"""Who may call a function besides roles: AWS services, for one resource of theirs each."""

from __future__ import annotations

import json
from typing import Any


def permit(
    functions: Any, function_name: str, *, statement_id: str, service: str, source_arn: str
) -> None:
    """Let a service call a function for a resource, and for no other one.

    Args:
        service: e.g. "events.amazonaws.com".
        source_arn: e.g. the ARN of a rule.
    """
    try:
        text = functions.get_policy(FunctionName=function_name)["Policy"]
        statements = json.loads(text)["Statement"]
    except functions.exceptions.ResourceNotFoundException:
        statements = []
    for found in statements:
        if found["Sid"] == statement_id:
            if found["Condition"]["ArnLike"]["AWS:SourceArn"] == source_arn:
                return
            functions.remove_permission(FunctionName=function_name, StatementId=statement_id)
    functions.add_permission(
        FunctionName=function_name,
        StatementId=statement_id,
        Action="lambda:InvokeFunction",
        Principal=service,
        SourceArn=source_arn,
    )
