"""Templates in parameters: what they give, and what they may never do."""

from typing import Any

import pytest

from penstock.core.errors import TemplateInvalid
from penstock.core.templates import OUTPUT_LENGTH_MAX, check_templates, render
from tests.core.schedule_values import at


def filled(template: Any) -> Any:
    """A parameter of a run for April, in Berlin."""
    return render(
        {"value": template},
        period_start=at("2026-04-01T05:00+02:00"),
        period_end=at("2026-05-01T05:00+02:00"),
        timezone="Europe/Berlin",
        scheduled_at=at("2026-05-01T05:00+02:00"),
        deployment="monthly",
        flow="web-to-lake",
    )["value"]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ period.start.month }}", 4),
        (" {{- period.start.month -}} ", 4),
        ("{{ -period.start.month }}", -4),
        ("{{ period.start.year }}-{{ period.start.month }}", "2026-4"),
        ("month {{ period.start.month }}", "month 4"),
        ("{{ period.start.strftime('%Y-%m') }}", "2026-04"),
        ("{{ period.start.strftime('%Y') }}", "2026"),
        ("{{ period.start.strftime('%Y') | int }}", 2026),
        ("{{ period.start.date() }}", "2026-04-01"),
        ("{{ scheduled_at }}", "2026-05-01T05:00:00+02:00"),
        ("{{ (period.end - period.start) }}", 30 * 86_400.0),
        ("{{ (period.end - period.start).days }}", 30),
        ("{{ period.start - timedelta(days=1) }}", "2026-03-31T05:00:00+02:00"),
        ("{{ period.start.replace(day=15).isoformat() }}", "2026-04-15T05:00:00+02:00"),
        ("{{ [period.start.month, period.end.month] }}", [4, 5]),
        ("{{ period.start.month == 4 }}", True),
        ("{{ 'spring' if period.start.month in (3, 4, 5) else 'later' }}", "spring"),
        ("{{ flow }}/{{ deployment.name | upper }}", "web-to-lake/MONTHLY"),
        ("{{ flow }}", "web-to-lake"),
        ("{{ period.start.month * 2 + 1 }}", 9),
        ("no template } here {", "no template } here {"),
        ("{% if %} {# no #}", "{% if %} {# no #}"),
        (4, 4),
        (None, None),
        ({"a": ["{{ period.start.month }}", {"b": "{{ flow }}"}]}, {"a": [4, {"b": "web-to-lake"}]}),
        ({"{{ flow }}": 1}, {"{{ flow }}": 1}),
    ],
)
def test_a_template_gives_a_value_of_its_own_type(template: Any, expected: Any) -> None:
    given = filled(template)
    assert (expected, type(expected)) == (given, type(given))


@pytest.mark.parametrize(
    "template",
    [
        "{{ period.__class__ }}",
        "{{ period['__class__'].__mro__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ timedelta.__init__.__globals__ }}",
        "{{ flow.format(1) }}",
        "{{ '%0999999999d' % 1 }}",
        "{{ 'a' * 999999999 }}",
        "{{ [1] * 999999999 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 'a'.ljust(999999999) }}",
        "{{ 'aa'.replace('a', 'aaaaaaaaaa').replace('a', 'aaaaaaaaaa') }}",
        "{{ 'aa'.replace(*['a', 'aaa']) }}",
        "{{ range(99999) | list }}",
        "{{ 'a' | center(999999999) }}",
        "{{ lipsum(999) }}",
        "{{ cycler }}",
        "{{ self }}",
        "{% for i in period %}{{ i }}{% endfor %}{{ flow }}",
        "{% set x = flow %}{{ x }}",
        "{% include 'x' %}{{ flow }}",
        "{{ period.start.tzinfo.utcoffset(scheduled_at) }}",
        "{{ (period.start.strftime)('%Y')() }}",
        "{{ flow",
        "{{ }}",
        "{{ period.start. }}",
        "{{ env.SECRET }}",
        "{{ " + "(" * 900 + "1" + ")" * 900 + " }}",
        "{{ '" + "a" * 3000 + "' }}",
    ],
)
def test_what_templates_may_not_do_is_refused_by_name(template: str) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        filled({"deep": [template]})
    assert ("value.deep[0]", template) == (caught.value.parameter, caught.value.template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ period.begin }}",
        "{{ period }}",
        "{{ timedelta }}",
        "{{ flow + 1 }}",
        "{{ 1 // 0 }}",
        "{{ [[1]] }}",
        "{{ period.start - timedelta(days=999999999) }}",
        "x {{ period.begin }}",
        "{{ period.start.strftime }}",
    ],
)
def test_a_template_that_fails_names_the_parameter(template: str) -> None:
    check_templates({"value": template})
    with pytest.raises(TemplateInvalid) as caught:
        filled(template)
    assert ("value", template) == (caught.value.parameter, caught.value.template)


def test_what_a_template_gives_is_bounded() -> None:
    long = "{{ period.start.strftime('" + "%c" * 900 + "') }}"
    assert len(filled(long)) < OUTPUT_LENGTH_MAX
    grown = "{{ " + " ~ ".join(["period.start.strftime('" + "%c" * 50 + "')"] * 14) + " }}"
    assert len(filled(grown)) < OUTPUT_LENGTH_MAX


def test_parameters_nested_without_end_are_refused() -> None:
    nested: Any = "{{ flow }}"
    for _ in range(80):
        nested = [nested]
    with pytest.raises(TemplateInvalid):
        check_templates({"value": nested})
