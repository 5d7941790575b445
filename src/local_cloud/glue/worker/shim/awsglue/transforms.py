"""Glue's transform classes, for scripts that call `SomeTransform.apply(frame=…)`."""

from __future__ import annotations

from typing import Any

from .dynamicframe import DynamicFrame


def _transform(method: str) -> type:
    def apply(frame: DynamicFrame, *args: Any, **options: Any) -> DynamicFrame:
        changed: DynamicFrame = getattr(frame, method)(*args, **options)
        return changed

    return type(method, (), {"apply": staticmethod(apply), "__call__": staticmethod(apply)})


ApplyMapping = _transform("apply_mapping")
DropFields = _transform("drop_fields")
Filter = _transform("filter")
Map = _transform("map")
RenameField = _transform("rename_field")
ResolveChoice = _transform("resolveChoice")
SelectFields = _transform("select_fields")
