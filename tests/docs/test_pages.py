"""The docs as a whole: nothing public is left out, what is made from the code is up to date, and links lead somewhere."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from penstock import errors
from penstock.core import errors as core_errors
from penstock.core.states import STATES, Reason
from penstock.sdk import flows, tasks
from tools.reference import DOCS, MEANINGS, PARTS, REASONS, reasons_given, renewed

REPOSITORY = DOCS.parent
PAGES = [REPOSITORY / "README.md", *sorted(path for path in DOCS.rglob("*.md") if path.parent.name != "adr")]
FACADES = (
    "artifacts",
    "blocks",
    "cache_policies",
    "concurrency",
    "deployments",
    "flow_runs",
    "futures",
    "input",
    "states",
    "task_runners",
    "testing",
    "transactions",
    "variables",
)

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
PICTURE = re.compile(r'\bsrc(?:set)?="([^"]+)"')
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@pytest.mark.parametrize("page", PARTS)
def test_what_is_made_from_the_code_is_up_to_date(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert renewed(page, text) == text, "run `python -m tools.reference`"


@pytest.mark.parametrize("module", [flows, tasks], ids=["flow", "task"])
def test_every_option_of_a_decorator_is_described(module: object) -> None:
    section = section_of("reference/sdk.md", "flow" if module is flows else "task")
    options = module._KNOWN - {"entrypoint"}  # type: ignore[attr-defined]  # the decorator's own list
    assert set() == {option for option in options if f"`{option}`" not in section}


@pytest.mark.parametrize("module", ["penstock", *(f"penstock.{name}" for name in FACADES)])
def test_every_public_name_is_described(module: str) -> None:
    page = (DOCS / "reference/sdk.md").read_text(encoding="utf-8")
    public = set(import_module(module).__all__) - {"__version__"}
    assert set() == {name for name in public if not re.search(rf"\b{name}\b", page)}


def test_every_error_is_public() -> None:
    known = {name for name, value in vars(core_errors).items() if is_error(value)}
    assert set(errors.__all__) == known, "list them in src/penstock/errors.py, and run `python -m tools.reference`"


def test_every_state_and_every_reason_has_a_meaning() -> None:
    assert (set(STATES), set(Reason)) == (set(MEANINGS), set(REASONS))
    assert set(Reason) == reasons_given()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    assert [] == [link for link in links_of(page) if not leads_somewhere(page, link)]


def test_every_page_can_be_reached_from_the_index() -> None:
    reached: set[Path] = set()
    ahead = [DOCS / "index.md"]
    while ahead:
        page = ahead.pop()
        if page not in reached and page.is_relative_to(DOCS) and page.suffix == ".md":
            reached.add(page)
            ahead += [(page.parent / link.partition("#")[0]).resolve() for link in links_of(page) if "://" not in link]
    assert set() == {page for page in PAGES if page.is_relative_to(DOCS)} - reached


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_no_page_names_a_place_of_one_machine(page: Path) -> None:
    assert [] == re.findall(r"(?<!/api)/(?:work|root|tmp)/\S*|/home/(?!you)\S*", page.read_text(encoding="utf-8"))


def links_of(page: Path) -> Iterator[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return (found[1] for pattern in (LINK, PICTURE) for found in pattern.finditer(text))


def leads_somewhere(page: Path, link: str) -> bool:
    """Other people's pages are taken on trust; our own must be there, with the heading."""
    if "://" in link:
        return True
    place, _, heading = link.partition("#")
    target = page if not place else (page.parent / place).resolve()
    return target.exists() and (not heading or heading in anchors_of(target))


def anchors_of(page: Path) -> set[str]:
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section_of(page: str, heading: str) -> str:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.split(r"^## ", text.partition(f"## `{heading}`\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, core_errors.PenstockError)
