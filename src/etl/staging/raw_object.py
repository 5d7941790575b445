"""One raw object being written: records encoded on their way to S3."""

from __future__ import annotations

from etl.errors import ConservationError
from etl.formats import DeadLetter, Encoder
from etl.manifest import RawObject
from etl.sources.records import Lines
from etl.staging.outgoing import Destination, Outgoing


class RawObjectWriter:
    """Records → one object."""

    def __init__(
        self,
        destination: Destination,
        encoder: Encoder,
        *,
        name: str,
        source: str | None = None,
        spooled: bool = False,
    ) -> None:
        """Begin an object.

        Args:
            name: Its key without the format's suffix.
            source: The source's object that all records come from, where that is kept.
            spooled: Keep it out of memory while it is written.
        """
        self._figures = destination.figures
        self._bucket = destination.bucket
        self._encoder = encoder
        self._source = source
        self._rows = 0
        self.outgoing = Outgoing(
            destination,
            key=name + encoder.suffix,
            content_type=encoder.content_type,
            spooled=spooled,
        )

    def write(self, block: Lines) -> tuple[DeadLetter, ...]:
        """Take records.

        Returns:
            The records that the format refused.

        Raises:
            ConservationError: The format neither took nor refused some of them.
        """
        encoded = self._encoder.encode(block.data, block.rows)
        self._rows += encoded.rows
        self._send(encoded.data)
        refused = len(encoded.dead)
        if encoded.rows + refused != block.rows:
            raise ConservationError(
                f"of {block.rows:,} records {encoded.rows:,} were taken and {refused:,} refused",
                fix="choose another raw format in the contract, and report this",
            )
        self._figures.count(records=encoded.rows + refused, errors=refused)
        return encoded.dead

    def close(self) -> RawObject | None:
        """End the object, which nobody sees before its `outgoing` is committed.

        Returns:
            What a manifest says of it; None for an object without records, which is not kept.
        """
        if not self._rows:
            self.outgoing.abort()
            return None
        self._send(self._encoder.finish())
        self.outgoing.close()
        return RawObject(
            uri=f"s3://{self._bucket}/{self.outgoing.key}",
            bytes=self.size,
            sha256=self.outgoing.sha256,
            rows=self._rows,
            source=self._source,
        )

    @property
    def size(self) -> int:
        """Encoded bytes so far."""
        return self.outgoing.size

    def _send(self, data: bytes) -> None:
        self.outgoing.write(data)
        self._figures.count(size=len(data))
