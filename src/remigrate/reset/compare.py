"""Whether the old and the new history make the same database, and in words why not."""

from __future__ import annotations

from remigrate.reset.compare_rows import rows
from remigrate.reset.compare_schemas import schemas
from remigrate.reset.comparison import Comparison, Difference

__all__ = ["Comparison", "Difference", "rows", "schemas"]
