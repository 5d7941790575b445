"""How much larger than the file its content may be: a kilobyte can unpack to a gigabyte."""

from __future__ import annotations

from typing import IO, cast

from etl.errors import SourceError

FREE_BYTES = 64 * 1024 * 1024  # whatever the file's size


class Expansion:
    """Counts what a file unpacks to.

    Args:
        name: The file's name, for messages.
        size: In bytes, packed.
        times: The contract's `expansionLimit`.
    """

    def __init__(self, name: str, *, size: int, times: int) -> None:
        self._name = name
        self._size = size
        self._times = times
        self._unpacked = 0

    def check(self, unpacked: int) -> None:
        """Refuse a file that unpacks to so many bytes in all.

        Raises:
            SourceError: They are too many for its size.
        """
        if unpacked > max(FREE_BYTES, self._times * self._size):
            raise SourceError(
                f"{self._name} has {self._size:,} bytes and unpacks to more than"
                f" {self._times:,} times as many",
                fix="see who sent it, and what; if it is right, raise expansionLimit",
            )

    def add(self, unpacked: int) -> None:
        """Count further bytes.

        Raises:
            SourceError: As `check`.
        """
        self._unpacked += unpacked
        self.check(self._unpacked)

    def counted(self, plain: IO[bytes]) -> IO[bytes]:
        """The stream that the file unpacks to; what is read of it is counted."""
        return cast(IO[bytes], _Counted(plain, self))


class _Counted:
    """A stream to be read from start to end."""

    def __init__(self, plain: IO[bytes], expansion: Expansion) -> None:
        self._plain = plain
        self._expansion = expansion

    def read(self, size: int) -> bytes:
        """The next bytes."""
        found = self._plain.read(size)
        self._expansion.add(len(found))
        return found
