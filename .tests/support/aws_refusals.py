"""The faults that AWS can have, in its own words."""

from __future__ import annotations

from collections.abc import Mapping

# How S3 says it, and how the services do that speak JSON: status, code and words.
Refusal = tuple[str, str, str]
REFUSALS: Mapping[str, tuple[Refusal, Refusal]] = {
    "throttled": (
        ("503 Slow Down", "SlowDown", "Please reduce your request rate."),
        ("400 Bad Request", "ThrottlingException", "Rate exceeded"),
    ),
    "internal error": (
        ("500 Internal Server Error", "InternalError", "We encountered an internal error."),
        ("500 Internal Server Error", "InternalServerException", "An internal error occurred."),
    ),
    "expired token": (
        ("400 Bad Request", "ExpiredToken", "The provided token has expired."),
        (
            "400 Bad Request",
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
    ),
    "clock skew": (
        (
            "403 Forbidden",
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ),
        (
            "403 Forbidden",
            "InvalidSignatureException",
            "Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z"
            " (20260101T002000Z - 5 min.)",
        ),
    ),
    "too many runs": (
        ("503 Slow Down", "SlowDown", "Please reduce your request rate."),
        (
            "400 Bad Request",
            "ConcurrentRunsExceededException",
            "Concurrent runs exceeded for the job",
        ),
    ),
}
_WORDS = {
    "reset before": "connection reset, call not made",
    "reset after": "connection reset, answer lost",
    "cut": "half an answer",
    "slow": "slow answer",
    "unlisted": "listing without what is new",
}
TRANSIENT = ("throttled", "internal error", "reset before", "reset after", "cut", "slow")


def name_fault(kind: str, call: str) -> str:
    """A fault in plain words, or in those that AWS has for it."""
    if kind not in REFUSALS:
        return _WORDS[kind]
    of_s3, of_others = REFUSALS[kind]
    status, code, _ = of_s3 if call.startswith("s3 ") else of_others
    return f"{status[:3]} {code}"
