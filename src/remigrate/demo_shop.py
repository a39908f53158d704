"""A small project that runs, and two pull requests in it that collide, though git merges them."""

from __future__ import annotations

MANAGE = """\
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""
SETTINGS = """\
SECRET_KEY = "for tests"
INSTALLED_APPS = ["shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
"""
MODELS = """\
from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=50){product}


class Shelf(models.Model):
    product = models.ForeignKey(Product, models.CASCADE)
    height = models.IntegerField(default=0)


class Order(models.Model):
    number = models.IntegerField(){order}
"""
ID = '("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, ' \
     'verbose_name="ID"))'  # fmt: skip
MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):
{initial}    dependencies = [{after}]

    operations = [
{operations}    ]
"""


def migration(after: str, *operations: str, initial: bool = False) -> str:
    """Text of a migration of the app `shop`."""
    return MIGRATION.format(
        initial="    initial = True\n\n" if initial else "",
        after=f'("shop", "{after}")' if after else "",
        operations="".join(f"        {each},\n" for each in operations),
    )


def models(*, stock: bool = False, discount: bool = False, colour: bool = False) -> str:
    """The app's models, with the fields that the branches add."""
    product = ["stock = models.IntegerField(default=0)"] if stock else []
    product += ['colour = models.CharField(default="red", max_length=9)'] if colour else []
    order = ["discount = models.IntegerField(default=0)"] if discount else []
    return MODELS.format(
        product="".join(f"\n    {field}" for field in product),
        order="".join(f"\n    {field}" for field in order),
    )


def added(model: str, name: str) -> str:
    """An operation that adds a number to a model."""
    return f'migrations.AddField("{model}", "{name}", models.IntegerField(default=0))'


START = {
    "manage.py": MANAGE,
    "settings.py": SETTINGS,
    "shop/__init__.py": "",
    "shop/models.py": models(),
    "shop/migrations/__init__.py": "",
    "shop/migrations/0001_initial.py": migration(
        "",
        f'migrations.CreateModel("Product", [{ID}, ("name", models.CharField(max_length=50))])',
        f'migrations.CreateModel("Order", [{ID}, ("number", models.IntegerField())])',
        initial=True,
    ),
    "shop/migrations/0002_shelf.py": migration(
        "0001_initial",
        f'migrations.CreateModel("Shelf", [{ID}, ("product", '
        'models.ForeignKey(to="shop.product", on_delete=models.CASCADE))])',
        added("shelf", "height"),
    ),
}
"""What everybody starts from."""
STOCK = {
    "shop/models.py": models(stock=True),
    "shop/migrations/0003_stock.py": migration("0002_shelf", added("product", "stock")),
}
"""What landed on main meanwhile."""
DISCOUNT = {
    "shop/models.py": models(discount=True),
    "shop/migrations/0003_discount.py": migration("0002_shelf", added("order", "discount")),
}
"""What a pull request adds."""
BOTH = {"shop/models.py": models(stock=True, discount=True)}
