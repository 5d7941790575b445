"""GlueContext: Spark's entry point with Glue's readers and writers."""

from __future__ import annotations

from typing import Any

from pyspark import SparkContext
from pyspark.sql import DataFrame, SparkSession

from .dynamicframe import DynamicFrame
from .sources import read_objects, read_table, write_objects


class GlueContext:
    """What a script makes first, of its SparkContext."""

    def __init__(self, sparkContext: SparkContext, **_options: Any) -> None:
        self.spark_session: SparkSession = SparkSession.builder.getOrCreate()
        self._spark_context = sparkContext
        self.create_dynamic_frame = _Reader(self)
        self.write_dynamic_frame = _Writer(self)

    def get_logger(self) -> Any:
        """A logger that writes to the run's error log stream."""
        jvm: Any = self._spark_context._jvm
        return jvm.org.slf4j.LoggerFactory.getLogger("GlueLogger")

    def create_dynamic_frame_from_options(
        self,
        connection_type: str,
        connection_options: dict[str, Any],
        format: str | None = None,
        format_options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
        **_options: Any,
    ) -> DynamicFrame:
        """Read objects under `connection_options["paths"]`."""
        _check_s3(connection_type)
        paths = connection_options.get("paths") or [connection_options["path"]]
        frame = read_objects(
            self.spark_session,
            paths=paths,
            kind=format,
            options=format_options or {},
            context=transformation_ctx,
        )
        return DynamicFrame(frame, self, transformation_ctx)

    def create_dynamic_frame_from_catalog(
        self,
        database: str,
        table_name: str,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        **_options: Any,
    ) -> DynamicFrame:
        """Read a table of the Glue catalogue."""
        frame = read_table(
            self.spark_session,
            database=database,
            table_name=table_name,
            predicate=push_down_predicate,
            context=transformation_ctx,
        )
        return DynamicFrame(frame, self, transformation_ctx)

    def create_data_frame_from_catalog(self, *args: Any, **options: Any) -> DataFrame:
        """As `create_dynamic_frame_from_catalog`, for a DataFrame."""
        frame: DynamicFrame = self.create_dynamic_frame_from_catalog(*args, **options)
        return frame.toDF()

    def write_dynamic_frame_from_options(
        self,
        frame: DynamicFrame,
        connection_type: str,
        connection_options: dict[str, Any],
        format: str | None = None,
        format_options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
        **_options: Any,
    ) -> DynamicFrame:
        """Add a frame's rows under `connection_options["path"]`."""
        _check_s3(connection_type)
        write_objects(
            frame.toDF(),
            connection=connection_options,
            kind=format,
            options=format_options or {},
        )
        return frame

    def __getattr__(self, name: str) -> Any:
        # GlueContext is a SQLContext in Glue: sql, table, read, udf … are the session's.
        if name.startswith("_") or not hasattr(SparkSession, name):
            raise AttributeError(f"GlueContext.{name} is not in the embedded cloud's awsglue")
        return getattr(self.spark_session, name)


class _Reader:
    def __init__(self, context: GlueContext) -> None:
        self.from_options = context.create_dynamic_frame_from_options
        self.from_catalog = context.create_dynamic_frame_from_catalog


class _Writer:
    def __init__(self, context: GlueContext) -> None:
        self.from_options = context.write_dynamic_frame_from_options


def _check_s3(connection_type: str) -> None:
    if connection_type != "s3":
        raise NotImplementedError(f"connection type {connection_type}: only s3 is here")
