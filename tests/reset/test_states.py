"""Project states are equal when the same models are in them, in whatever way they got there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.reset.interpreter import Interpreter, opened

SETUP = """
import datetime, enum, functools, re
from decimal import Decimal
from django.db.migrations.state import ProjectState
from django.db.models import F, Q
from django.utils.translation import gettext_lazy
from remigrate.probe import states

A, C, R = migrations.AddField, migrations.CreateModel, migrations.RemoveField
ID = ("id", models.AutoField(primary_key=True))
NAME = ("name", models.CharField(max_length=9))
NEW = django.VERSION >= (5, 1)

def check(condition, name):
    return models.CheckConstraint(**{"condition" if NEW else "check": condition, "name": name})

def item(*fields, **more):
    options, bases = more.pop("options", {}), more.pop("bases", (models.Model,))
    return C("Item", [ID, *fields], options, bases, **more)

from pieces import Manager, Query

class Mixin:
    pass

class Other:
    pass

class Opaque:
    def __call__(self):
        return 1

class Colour(enum.Enum):
    RED = "r"

def one():
    return 1

def two():
    return 1

def maker():
    def inner():
        return 1
    return inner

def told(*operations, gone=()):
    state = ProjectState()
    for operation in operations:
        operation.state_forwards("shop", state)
    return states.described(state, gone)

def field(value, gone=()):
    return told(item(("f", value)), gone=gone)["shop.Item"]["field f"]
"""


PIECES = """
from django.db import models

class Manager(models.Manager):
    use_in_migrations = True
    def __init__(self, a=1):
        super().__init__()
        self.a = a

class Query(models.QuerySet):
    pass
"""


@pytest.fixture(scope="module")
def django(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interpreter]:
    with opened(tmp_path_factory.mktemp("states")) as found:
        (found.folder / "pieces.py").write_text(PIECES)
        yield found


def compared(django: Interpreter, left: str, right: str) -> bool:
    code = f"{SETUP}\nleft, right = told({left}), told({right})\nvalue = left == right"
    return bool(django.run(code))


SAME = {
    "a field added later": ("item(NAME)", "item(), A('item', *NAME)"),
    "another order of fields": ("item(NAME, ('z', models.IntegerField()))",
        "item(('z', models.IntegerField()), NAME)"),
    "a field that went": ("item()", "item(NAME), R('item', 'name')"),
    "a renamed field": ("item(NAME)",
        "item(('n', models.CharField(max_length=9))), migrations.RenameField('item', 'n', 'name')"),
    "lists and sets of fields": ("item(NAME, options={'unique_together': {('id', 'name')}})",
        "item(NAME, options={'unique_together': [['id', 'name']]})"),
    "fields together in another order of pairs": (
        "item(NAME, options={'unique_together': {('id', 'name'), ('name', 'id')}})",
        "item(NAME, options={'unique_together': [('name', 'id'), ('id', 'name')]})"),
    "nothing together": ("item(NAME)", "item(NAME, options={'unique_together': set()})"),
    "no indexes": ("item(NAME)", "item(NAME, options={'indexes': []})"),
    "indexes in another order": (
        "item(NAME, options={'indexes': [models.Index(fields=['id'], name='a'), "
        "models.Index(fields=['name'], name='b')]})",
        "item(NAME, options={'indexes': [models.Index(fields=['name'], name='b'), "
        "models.Index(fields=['id'], name='a')]})"),
    "an index that is there twice": (
        "item(NAME, options={'indexes': [models.Index(fields=['id'], name='a')]})",
        "item(NAME, options={'indexes': [models.Index(fields=['id'], name='a')] * 2})"),
    "an index added later": (
        "item(NAME, options={'indexes': [models.Index(fields=['id'], name='a')]})",
        "item(NAME), migrations.AddIndex('item', models.Index(fields=['id'], name='a'))"),
    "a constraint added later": (
        "item(NAME, options={'constraints': [check(Q(id__gt=1), 'a')]})",
        "item(NAME), migrations.AddConstraint('item', check(Q(id__gt=1), 'a'))"),
    "a model by its name in another case": (
        "item(('to', models.ForeignKey('shop.Item', models.CASCADE)))",
        "item(('to', models.ForeignKey('shop.item', models.CASCADE)))"),
    "a through model in another case": (
        "item(('to', models.ManyToManyField('shop.Item', through='shop.Link')))",
        "item(('to', models.ManyToManyField('shop.item', through='shop.LINK')))"),
    "a translated text": ("item(('f', models.IntegerField(verbose_name='word')))",
        "item(('f', models.IntegerField(verbose_name=gettext_lazy('word'))))"),
    "a base in another case": ("item(), C('Sub', [], bases=('shop.Item',))",
        "item(), C('Sub', [], bases=('shop.item',))"),
    "choices as lists": ("item(('f', models.IntegerField(choices=[(1, 'a')])))",
        "item(('f', models.IntegerField(choices=((1, 'a'),))))"),
    "a set of texts": ("item(options={'default_permissions': {'a', 'b', 'c'}})",
        "item(options={'default_permissions': {'c', 'b', 'a'}})"),
    "keys of a dict in another order": (
        "item(('f', models.JSONField(default={'a': 1, 'b': 2})))",
        "item(('f', models.JSONField(default={'b': 2, 'a': 1})))"),
    "an option that says nothing": ("item()", "item(options={'verbose_name': None})"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_the_same_models_are_equal_however_they_came_about(django: Interpreter, name: str) -> None:
    assert compared(django, *SAME[name])


F = "item(('f', {}))"
FIELDS = {
    "kind": ("models.IntegerField()", "models.BigIntegerField()"),
    "null": ("models.IntegerField()", "models.IntegerField(null=True)"),
    "length": ("models.CharField(max_length=9)", "models.CharField(max_length=8)"),
    "default": ("models.IntegerField()", "models.IntegerField(default=0)"),
    "default of another type": (
        "models.IntegerField(default=1)", "models.IntegerField(default='1')"),
    "truth and number": ("models.IntegerField(default=1)", "models.IntegerField(default=True)"),
    "default of another function": (
        "models.IntegerField(default=one)", "models.IntegerField(default=two)"),
    "help": ("models.IntegerField()", "models.IntegerField(help_text='x')"),
    "translated help": ("models.IntegerField(help_text=gettext_lazy('y'))",
        "models.IntegerField(help_text=gettext_lazy('x'))"),
    "index": ("models.IntegerField()", "models.IntegerField(db_index=True)"),
    "target": ("models.ForeignKey('shop.A', models.CASCADE)",
        "models.ForeignKey('shop.B', models.CASCADE)"),
    "what is deleted with it": ("models.ForeignKey('shop.A', models.CASCADE)",
        "models.ForeignKey('shop.A', models.PROTECT)"),
    "column of the target": ("models.ForeignKey('shop.A', models.CASCADE, to_field='Name')",
        "models.ForeignKey('shop.A', models.CASCADE, to_field='name')"),
    "through": ("models.ManyToManyField('shop.A')",
        "models.ManyToManyField('shop.A', through='shop.B')"),
    "order of choices": ("models.IntegerField(choices=[(1, 'a'), (2, 'b')])",
        "models.IntegerField(choices=[(2, 'b'), (1, 'a')])"),
    "a partial": ("models.IntegerField(default=functools.partial(max, 1, 2))",
        "models.IntegerField(default=functools.partial(max, 1, 3))"),
    "a keyword of a partial": ("models.IntegerField(default=functools.partial(int, base=2))",
        "models.IntegerField(default=functools.partial(int, base=3))"),
    "the function of a partial": ("models.IntegerField(default=functools.partial(max, 1, 2))",
        "models.IntegerField(default=functools.partial(min, 1, 2))"),
    "a date": ("models.DateField(default=datetime.date(2024, 1, 1))",
        "models.DateField(default=datetime.date(2024, 1, 2))"),
    "a time span": ("models.DurationField(default=datetime.timedelta(1))",
        "models.DurationField(default=datetime.timedelta(2))"),
    "a decimal": ("models.DecimalField(default=Decimal('1.0'))",
        "models.DecimalField(default=Decimal('1.00'))"),
    "bytes": ("models.BinaryField(default=b'a')", "models.BinaryField(default=b'b')"),
    "a pattern": (
        "models.CharField(validators=[django.core.validators.RegexValidator('a')])",
        "models.CharField(validators=[django.core.validators.RegexValidator('b')])"),
    "a list and a text": ("models.JSONField(default=['a'])", "models.JSONField(default=\"['a']\")"),
    "a dict": ("models.JSONField(default={'a': 1})", "models.JSONField(default={'a': 2})"),
    "a frozen set": ("models.JSONField(default=frozenset({1}))",
        "models.JSONField(default=frozenset({2}))"),
}  # fmt: skip
OTHER = {
    **{name: (F.format(left), F.format(right)) for name, (left, right) in FIELDS.items()},
    "a field": ("item()", "item(NAME)"),
    "the name of a field": ("item(NAME)", "item(('names', NAME[1]))"),
    "a model": ("item()", "item(), C('Other', [ID])"),
    "table": ("item()", "item(options={'db_table': 'x'})"),
    "ordering": ("item(options={'ordering': ['id', 'name']})",
        "item(options={'ordering': ['name', 'id']})"),
    "managed": ("item()", "item(options={'managed': False})"),
    "proxy": ("item(), C('P', [], bases=('shop.item',))",
        "item(), C('P', [], {'proxy': True}, ('shop.item',))"),
    "an option that is nought": ("item()", "item(options={'x': 0})"),
    "permissions": ("item()", "item(options={'permissions': [('a', 'b')]})"),
    "fields together": ("item(NAME)", "item(NAME, options={'unique_together': {('id', 'name')}})"),
    "order of fields together": ("item(NAME, options={'unique_together': {('id', 'name')}})",
        "item(NAME, options={'unique_together': {('name', 'id')}})"),
    "name of an index": ("item(options={'indexes': [models.Index(fields=['id'], name='a')]})",
        "item(options={'indexes': [models.Index(fields=['id'], name='b')]})"),
    "fields of an index": ("item(options={'indexes': [models.Index(fields=['id'], name='a')]})",
        "item(options={'indexes': [models.Index(fields=['-id'], name='a')]})"),
    "expression of an index": ("item(options={'indexes': [models.Index(F('id'), name='a')]})",
        "item(options={'indexes': [models.Index(F('name'), name='a')]})"),
    "condition of an index": (
        "item(options={'indexes': [models.Index(fields=['id'], name='a', condition=Q(id=1))]})",
        "item(options={'indexes': [models.Index(fields=['id'], name='a', condition=Q(id=2))]})"),
    "a check": ("item(options={'constraints': [check(Q(id__gt=1), 'a')]})",
        "item(options={'constraints': [check(Q(id__gt=2), 'a')]})"),
    "a unique constraint": (
        "item(options={'constraints': [models.UniqueConstraint(fields=['id'], name='a')]})",
        "item(options={'constraints': [models.UniqueConstraint(fields=['id'], name='a', "
        "condition=Q(id=1))]})"),
    "bases": ("item(bases=(Mixin, models.Model))", "item(bases=(Other, models.Model))"),
    "order of bases": ("item(bases=(Mixin, Other, models.Model))",
        "item(bases=(Other, Mixin, models.Model))"),
    "a base of the project": ("item(), C('B', [])", "item(), C('B', [], bases=('shop.item',))"),
    "a manager": ("item()", "item(managers=[('objects', Manager())])"),
    "name of a manager": ("item(managers=[('all', Manager())])",
        "item(managers=[('objects', Manager())])"),
    "argument of a manager": ("item(managers=[('objects', Manager(1))])",
        "item(managers=[('objects', Manager(2))])"),
    "order of managers": ("item(managers=[('a', Manager()), ('b', Manager())])",
        "item(managers=[('b', Manager()), ('a', Manager())])"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER)
def test_whatever_else_is_different_is_told(django: Interpreter, name: str) -> None:
    assert not compared(django, *OTHER[name])
    left, right = OTHER[name]
    assert compared(django, left, left)
    assert compared(django, right, right)


def test_every_part_has_a_name_that_people_know(django: Interpreter) -> None:
    told = django.run(
        f"{SETUP}\nvalue = told(item(NAME, options={{'ordering': ['id']}}, "
        "managers=[('objects', Manager(2))]))"
    )
    assert set(told) == {"shop.Item"}
    item = told["shop.Item"]
    assert set(item) == {"field id", "field name", "option ordering", "bases", "managers"}
    assert item["field name"] == "django.db.models.CharField(max_length=9)"
    assert item["option ordering"] == "['id']"
    assert item["bases"] == "django.db.models.base.Model"
    assert item["managers"].startswith("objects=")


def test_a_manager_made_of_a_query_set_is_known_by_it(django: Interpreter) -> None:
    code = (
        f"{SETUP}\nmanager = Query.as_manager()\nmanager.use_in_migrations = True\n"
        "value = told(item(managers=[('objects', manager)]))['shop.Item']['managers']"
    )
    assert django.run(code) == "objects=pieces.Query()"


# Modules that go

GONE, CARRIED = "shop.migrations.0001_initial", "shop.migrations.0001_squashed"


@pytest.mark.parametrize(
    "value",
    [
        "models.IntegerField(default=one)",
        "models.IntegerField(default=functools.partial(one, 3))",
        "models.CharField(validators=[one])",
        "models.JSONField(default={'a': one})",
        "Mine()",
        "models.CharField(validators=[Valid(1)])",
    ],
)
def test_what_is_carried_is_the_same_when_its_module_goes(django: Interpreter, value: str) -> None:
    code = f"""{SETUP}
def at(module):
    one.__module__ = module
    class Mine(models.IntegerField):
        pass
    class Valid:
        def __init__(self, a):
            self.a = a
        def __call__(self, value):
            pass
        def deconstruct(self):
            return module + ".Valid", (self.a,), {{}}
    Mine.__module__ = module
    Mine.__qualname__ = "Mine"
    return field(eval({value!r}, {{**globals(), **locals()}}), {{{GONE!r}, {CARRIED!r}}})
value = [at({GONE!r}), at({CARRIED!r}), at("shop.elsewhere")]
"""
    old, new, other = django.run(code)
    assert old == new
    assert other != old


def test_a_function_in_a_function_is_known_by_its_own_name(django: Interpreter) -> None:
    code = f"""{SETUP}
inner = maker()
inner.__module__ = {GONE!r}
value = field(models.IntegerField(default=inner), {{{GONE!r}}})
"""
    assert django.run(code) == "django.db.models.IntegerField(default=inner)"


def test_what_django_writes_from_a_module_that_goes_is_known_without_it(
    django: Interpreter,
) -> None:
    code = f"""{SETUP}
import types, sys
made = types.ModuleType({GONE!r})
sys.modules[{GONE!r}] = made
Colour.__module__ = {GONE!r}
made.Colour = Colour
value = field(models.CharField(default=Colour.RED), {{{GONE!r}}})
"""
    told = django.run(code)
    assert told.startswith("django.db.models.CharField(default=Colour")
    assert GONE not in told


def test_what_django_cannot_write_is_known_by_its_kind(django: Interpreter) -> None:
    told = django.run(f"{SETUP}\nvalue = field(models.IntegerField(default=Opaque()))")
    assert told.endswith(".Opaque)")
