"""DynamicFrame: here a DataFrame with Glue's methods. It has no choice types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql.functions import col


class DynamicFrame:
    """A DataFrame under Glue's names."""

    def __init__(self, data_frame: DataFrame, glue_ctx: Any, name: str = "") -> None:
        self._data_frame = data_frame
        self.glue_ctx = glue_ctx
        self.name = name

    @classmethod
    def fromDF(cls, dataframe: DataFrame, glue_ctx: Any, name: str) -> DynamicFrame:
        """A DynamicFrame of a DataFrame."""
        return cls(dataframe, glue_ctx, name)

    def toDF(self, options: Any = None) -> DataFrame:
        """The DataFrame."""
        return self._data_frame

    def count(self) -> int:
        """Number of rows."""
        return self._data_frame.count()

    def schema(self) -> Any:
        """The DataFrame's schema."""
        return self._data_frame.schema

    def printSchema(self) -> None:
        """Print the schema."""
        self._data_frame.printSchema()

    def show(self, num_rows: int = 20) -> None:
        """Print rows."""
        self._data_frame.show(num_rows)

    def getNumPartitions(self) -> int:
        """Number of partitions in memory."""
        return self._data_frame.rdd.getNumPartitions()

    def errorsCount(self) -> int:
        """Rows that failed in transformations: they fail the job here, so none."""
        return 0

    def repartition(self, num_partitions: int, *_args: Any, **_options: Any) -> DynamicFrame:
        """As DataFrame.repartition."""
        return self._with(self._data_frame.repartition(num_partitions))

    def coalesce(self, num_partitions: int, *_args: Any, **_options: Any) -> DynamicFrame:
        """As DataFrame.coalesce."""
        return self._with(self._data_frame.coalesce(num_partitions))

    def select_fields(self, paths: list[str], *_args: Any, **_options: Any) -> DynamicFrame:
        """Keep columns; names that do not exist are ignored, as in Glue."""
        kept = [path for path in paths if path in self._data_frame.columns]
        return self._with(self._data_frame.select(*kept))

    def drop_fields(self, paths: list[str], *_args: Any, **_options: Any) -> DynamicFrame:
        """Leave columns out."""
        return self._with(self._data_frame.drop(*paths))

    def rename_field(
        self, oldName: str, newName: str, *_args: Any, **_options: Any
    ) -> DynamicFrame:
        """Rename a column."""
        return self._with(self._data_frame.withColumnRenamed(oldName, newName))

    def apply_mapping(
        self, mappings: list[tuple[str, ...]], *_args: Any, **_options: Any
    ) -> DynamicFrame:
        """Select, rename and cast by (source, source type, target, target type)."""
        columns = []
        for mapping in mappings:
            source, target, kind = mapping[0], mapping[-2], mapping[-1]
            columns.append(col(source).cast(_spark_type(kind)).alias(target))
        return self._with(self._data_frame.select(*columns))

    def resolveChoice(
        self, specs: list[tuple[str, str]] | None = None, choice: str = "", **_options: Any
    ) -> DynamicFrame:
        """Only `cast:<type>` means something where columns have one type."""
        frame = self._data_frame
        for name, action in specs or []:
            kind, _, target = action.partition(":")
            if kind != "cast":
                raise NotImplementedError(f"resolveChoice with {action}: only cast:<type> is here")
            frame = frame.withColumn(name, col(name).cast(_spark_type(target)))
        return self._with(frame)

    def filter(self, f: Callable[[Any], bool], *_args: Any, **_options: Any) -> DynamicFrame:
        """Keep the rows for which `f` is true."""
        kept = self._data_frame.rdd.filter(f)
        return self._with(self._data_frame.sparkSession.createDataFrame(kept, self.schema()))

    def map(self, f: Callable[[Any], Any], *_args: Any, **_options: Any) -> DynamicFrame:
        """Apply `f` to every row, given as a dict."""
        rows = self._data_frame.rdd.map(lambda row: f(row.asDict(recursive=True)))
        return self._with(self._data_frame.sparkSession.createDataFrame(rows))

    def _with(self, data_frame: DataFrame) -> DynamicFrame:
        return DynamicFrame(data_frame, self.glue_ctx, self.name)


def _spark_type(name: str) -> str:
    return {"long": "bigint", "short": "smallint", "byte": "tinyint"}.get(name, name)
