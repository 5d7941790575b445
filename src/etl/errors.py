"""The pipeline's errors. Each message names the thing that is wrong; `fix` says what to do."""

from __future__ import annotations


class EtlError(Exception):
    """A failure with a cause that a person can act on."""

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n  fix: {self.fix}" if self.fix else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Prefect pickles exceptions; keyword-only arguments need help.
        return _rebuild, (type(self), self.message, self.fix)


def _rebuild(kind: type[EtlError], message: str, fix: str) -> EtlError:
    return kind(message, fix=fix)


class UsageError(EtlError, ValueError):
    """An option or argument is wrong."""


class SettingsError(EtlError, ValueError):
    """A setting is missing or wrong."""


class ContractError(EtlError, ValueError):
    """A contract cannot be used as it is written."""


class SourceError(EtlError):
    """A source cannot be read, or what it sends makes no sense."""


class SecretError(EtlError):
    """A secret is missing, may not be read, or does not hold what is needed."""


class StorageError(EtlError):
    """A bucket or object is missing or refuses access."""


class TransformError(EtlError):
    """The Glue job failed or did not do what it says."""


class ValidationError(EtlError):
    """The validator refused the processed data, or could not judge it."""


class WarehouseError(EtlError):
    """The warehouse refused a connection, a statement or a schema change."""


class QueryError(EtlError):
    """An Athena query failed."""


class ProcessingError(EtlError):
    """An incoming object, or the message that tells of it, cannot be processed."""


class BatchError(EtlError):
    """The state machine is missing, or its execution failed."""


class ConservationError(EtlError):
    """Rows went missing or appeared: extracted is not loaded + quarantined + deduplicated."""


class LeaseHeldError(EtlError):
    """Another run is at work on the same: this one stands back, and nothing has been touched."""

    alert_cause = ""  # the other run does the work, and tells if it fails


class LeaseLostError(EtlError):
    """Another run has taken this one's place, after it was not heard of for too long."""
