"""A reset that has something of everything, for the tests of its reports."""

from __future__ import annotations

from remigrate.outcome import (
    AppReset,
    ChangedFile,
    Check,
    HandWritten,
    MigrateTime,
    Refused,
    Reset,
)

BASE = "1234567890" * 4
PROVED = Reset(
    strategy="squash",
    base=BASE,
    apps=(
        AppReset("shop", 23, 2, "compact+tail", landed="0022_price", renewed=True),
        AppReset("orders", 12, 2, "compact", landed="0012_total"),
    ),
    files=(
        ChangedFile("shop/migrations/0001_initial.py", "delete"),
        ChangedFile("api/migrations/0004_cart.py", "change"),
        ChangedFile("shop/migrations/0001_squashed.py", "add"),
    ),
    proof=(
        Check("graph", None, "proved", seconds=0.42),
        Check("fresh-schema", "sqlite 3.40.1", "proved", seconds=22.06),
        Check("lagging", "sqlite 3.40.1", "proved", "stopped at shop.0024_stock", 125.0),
    ),
    written=True,
    guarded=True,
)
DIFFERS = PROVED._replace(
    written=False,
    proof=(
        *PROVED.proof,
        Check(
            "fresh-data",
            "postgresql 15.18",
            "differs",
            seconds=3.0,
            differences=("shop_order: the row of invoice 7 is missing", "shop_cart: 2 rows more"),
            notes=("shop_order.created is never the same",),
        ),
        Check("upgrade", "mysql", "skipped", "no server is on this machine"),
        Check("drift", None, "failed", "the models import shop.gone", 1.0),
    ),
    warnings=("shop/models.py has changes that are not committed.",),
    refused=(Refused("payments", "its models import payments.migrations.0003_receipt"),),
    carried=(HandWritten("shop", "0003_seed", "RunPython(seed)"),),
    left_out=(
        HandWritten("shop", "0009_fill", "RunPython(fill)"),
        HandWritten("orders", "0004_sums", "RunSQL"),
    ),
    times=(MigrateTime("sqlite 3.40.1", 23.5, 8.0),),
    advice=("The extension `pg_trgm` has to be there.",),
    diff="--- a/shop.py\n+++ b/shop.py\n@@ -1 +1 @@\n-old\n+new\n same\n",
    idle=("blog", "polls"),
)
NOTHING = Reset("squash", None)


def named(path: str, name: str) -> Reset:
    """`DIFFERS` with every text that may come from the repository replaced."""
    return DIFFERS._replace(
        apps=(AppReset(name, 3, 1, "faithful", landed=path, renewed=True),),
        files=(ChangedFile(path, "add"),),
        proof=(Check("graph", name, "failed", path, 1.0, (name, path), (name,)),),
        warnings=(name,),
        refused=(Refused(name, path + "!"),),
        carried=(HandWritten(name, path, name),),
        left_out=(HandWritten(name, path, name),),
        times=(MigrateTime(name, 2.0, 1.0),),
        advice=(name,),
        diff=f"--- {path}\n+{name}\n",
        dry_run=True,
        idle=(name,),
    )
