"""The data lake: named datasets whose every version is kept, and the warehouses that they are loaded into."""

from penstock.lake.dataset import Dataset, list_datasets
from penstock.lake.errors import (
    DataRefused,
    DatasetCorrupt,
    DatasetMissing,
    DatasetNameInvalid,
    LakeError,
    LakeUnavailable,
    RowsOutside,
    SchemaConflict,
    VersionMissing,
    WarehouseBusy,
    WarehouseError,
    WriteConflict,
)
from penstock.lake.versions import Version

__all__ = [
    "DataRefused",
    "Dataset",
    "DatasetCorrupt",
    "DatasetMissing",
    "DatasetNameInvalid",
    "LakeError",
    "LakeUnavailable",
    "RowsOutside",
    "SchemaConflict",
    "Version",
    "VersionMissing",
    "WarehouseBusy",
    "WarehouseError",
    "WriteConflict",
    "list_datasets",
]
