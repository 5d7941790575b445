"""S3 whose object bytes are files: moto keeps them in memory.

An object version is one file under home/objects, complete before anyone can see it and never
changed again. What S3 knows about it beside its bytes is a row of `state`, committed before the
request that wrote it is answered. A file is removed only after the row that named it, and only
when nobody can still be reading it.
"""

from __future__ import annotations

import copy
import hashlib
import os
import pickle
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import moto.s3.models as s3
import moto.s3.urls
from moto.core.common_models import BaseModel
from moto.s3.exceptions import EntityTooSmall, InvalidPart, MalformedXML
from moto.s3.utils import _VersionedKeyStore, compute_checksum
from moto.settings import S3_UPLOAD_PART_MIN_SIZE

from local_cloud.context import Cloud
from local_cloud.object_files import CHUNK_BYTES, ObjectFiles, StoredBytes
from local_cloud.state import Journal, Kind

_account_id = ""
_files = ObjectFiles(Path())
_touch: Callable[[str, str, str], None]


class StoredKey(s3.FakeKey):
    """One version of an object, its bytes in a file."""

    path: Path | None = None

    @property  # type: ignore[override]
    def value(self) -> StoredBytes | bytes:
        """The bytes, as moto asks for them."""
        return StoredBytes.open(self.path) if self.path else b""

    @value.setter
    def value(self, new: StoredBytes | bytes | str) -> None:
        content = new.encode() if isinstance(new, str) else new
        if isinstance(content, StoredBytes):
            self.path = _files.new()
            (os.rename if content.is_unnamed else os.link)(content.path, self.path)
        else:
            self.path = _files.write([content])
        self.contentsize = len(content)
        if self._etag is None:
            self._etag = hashlib.md5(content, usedforsecurity=False).hexdigest()

    def dispose(self, garbage: bool = False) -> None:
        """Give up the bytes: nothing names this version any more."""
        if garbage:  # only this Python object goes: a copy, or the process ends
            return
        path, self.path = self.path, None
        if path:
            _files.discard(path)
        if self.multipart:
            self.multipart.dispose()
        self.disposed = True

    def __getstate__(self) -> dict[str, Any]:
        left_out = {"_value_buffer": None, "lock": None}
        return self.__dict__ | left_out | {"path": self.path and self.path.name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.path = state["path"] and _files.path(state["path"])
        self.lock = threading.Lock()


class StoredMultipart(s3.FakeMultipart):
    """An upload in parts: each part is a file, and so is what they are joined to."""

    def complete(
        self, body: Iterator[tuple[int, str]]
    ) -> tuple[Any, str, tuple[str, str, int] | None]:
        """Join the parts that `body` names."""
        parts = self._named_parts(body)
        joined = _files.write(_chunks(part.path for part in parts))
        digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
        etag = hashlib.md5(digests, usedforsecurity=False).hexdigest()
        value = StoredBytes.open(joined)
        if isinstance(value, StoredBytes):
            value.is_unnamed = True
        return value, f"{etag}-{len(parts)}", self._checksum(parts, value)

    def _named_parts(self, body: Iterator[tuple[int, str]]) -> list[Any]:
        parts: list[Any] = []
        for number, etag in body:
            part = self.parts.get(number)
            if part is None or part.etag.strip('"') != etag.strip('"'):
                raise InvalidPart()
            parts.append(part)
        if not parts:
            raise MalformedXML()
        if any(part.contentsize < S3_UPLOAD_PART_MIN_SIZE for part in parts[:-1]):
            raise EntityTooSmall()
        return parts

    def _checksum(self, parts: list[Any], value: Any) -> tuple[str, str, int]:
        builder = s3.MultipartChecksumBuilder(
            self.metadata.get("x-amz-checksum-algorithm"),
            self.metadata.get("x-amz-checksum-type"),
        )
        if builder.checksum_type != "COMPOSITE":
            checksum = compute_checksum(value, builder.checksum_algorithm)
            return builder.checksum_type, checksum.decode(), 1
        for part in parts:
            builder.addPart(part.value)
        return builder.build()  # type: ignore[return-value]


class StoredS3Backend(s3.S3Backend):
    """S3 that tells the journal which objects and uploads a request changed."""

    _url_module = moto.s3.urls

    def put_object(self, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
        """Write an object; copies and completed uploads come through here too."""
        key = super().put_object(bucket_name, key_name, *args, **kwargs)
        _touch("object", bucket_name, key_name)
        return key

    def delete_object(self, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
        """Delete an object or one of its versions."""
        deleted = super().delete_object(bucket_name, key_name, *args, **kwargs)
        _touch("object", bucket_name, key_name)
        return deleted

    def create_multipart_upload(self, bucket_name: str, *args: Any, **kwargs: Any) -> Any:
        """Begin an upload."""
        upload = super().create_multipart_upload(bucket_name, *args, **kwargs)
        _touch("upload", bucket_name, upload.id)
        return upload

    def durable_state(self) -> dict[str, Any]:
        """Everything but objects and uploads, which have rows of their own."""
        state = self.__dict__ | {"buckets": {}, "tagger": copy.copy(self.tagger)}
        state["tagger"].tags = {
            arn: tags for arn, tags in self.tagger.tags.items() if "/" not in arn
        }
        for name, bucket in self.buckets.items():
            emptied = state["buckets"][name] = copy.copy(bucket)
            emptied.keys, emptied.multiparts = _VersionedKeyStore(), s3.MultipartDict()
        return state

    def restore_state(self, state: dict[str, Any]) -> None:
        """Put back what `durable_state` gave."""
        self.__dict__.update(state)
        for name in self.buckets:
            s3.s3_backends.bucket_accounts[name] = (self.partition, self.account_id)


def install(cloud: Cloud, journal: Journal) -> None:
    """Put files behind moto's S3, and its objects and uploads into the journal."""
    global _account_id, _files, _touch
    _account_id = cloud.account_id
    _files = ObjectFiles(cloud.home / "objects")
    _touch = journal.touch
    s3.FakeKey, s3.FakeMultipart = StoredKey, StoredMultipart  # type: ignore[misc]
    s3.s3_backends.backend = StoredS3Backend
    # moto keeps every instance of every model for its dashboard, for ever
    BaseModel.__new__ = lambda cls, *_args, **_kwargs: object.__new__(cls)  # type: ignore
    journal.kinds["object"] = Kind(_dump_object, _restore_object)
    journal.kinds["upload"] = Kind(_dump_upload, _restore_upload)


def object_path(bucket: str, key: str) -> Path | None:
    """The file of an object's current version."""
    return _path_in(_buckets().get(bucket), key)


def list_objects(bucket: str, prefix: str) -> list[tuple[str, int, Path]]:
    """Key, size in bytes and file of every current object under a prefix, in key order."""
    found = _buckets().get(bucket)
    keys = sorted(key for key in list(found.keys) if key.startswith(prefix)) if found else []
    paths = ((key, _path_in(found, key)) for key in keys)
    return [(key, path.stat().st_size, path) for key, path in paths if path]


def remove_leftovers() -> None:
    """Remove the files that a killed process wrote for nobody: at start."""
    _files.keep_only(set(_named_files()))


def empty_trash() -> None:
    """Remove the files of replaced and deleted objects that nobody can be reading any more."""
    _files.empty_trash()


def _named_files() -> Iterator[str]:
    for bucket in _buckets().values():
        for key in list(bucket.keys):
            for version in bucket.keys.getlist(key, []):
                if getattr(version, "path", None):
                    yield version.path.name
        for upload in bucket.multiparts.values():
            for part in upload.parts.values():
                yield part.path.name


def _buckets() -> dict[str, Any]:
    return s3.s3_backends[_account_id]["aws"].buckets


def _path_in(bucket: Any, key: str) -> Path | None:
    return getattr(bucket.keys.get(key), "path", None) if bucket else None


def _chunks(paths: Iterable[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as source:
            while chunk := source.read(CHUNK_BYTES):
                yield chunk


def _dump_object(bucket: str, key: str) -> bytes | None:
    found = _buckets().get(bucket)
    versions = found and found.keys.getlist(key)
    if not versions:
        return None
    tags = s3.s3_backends[_account_id]["aws"].tagger.tags
    arns = {version.arn for version in versions if isinstance(version, StoredKey)}
    return pickle.dumps((versions, {arn: tags[arn] for arn in arns if tags.get(arn)}))


def _restore_object(bucket: str, key: str, content: bytes) -> None:
    versions, tags = pickle.loads(content)
    _buckets()[bucket].keys.setlist(key, versions)
    s3.s3_backends[_account_id]["aws"].tagger.tags.update(tags)


def _dump_upload(bucket: str, upload_id: str) -> bytes | None:
    found = _buckets().get(bucket)
    upload = found and found.multiparts.get(upload_id)
    return pickle.dumps(upload) if upload else None


def _restore_upload(bucket: str, upload_id: str, content: bytes) -> None:
    if bucket in _buckets():  # it can be deleted with an upload still open
        _buckets()[bucket].multiparts[upload_id] = pickle.loads(content)
