"""What axe has to say of a page, once all of it is drawn."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, SCREENSHOTS

AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
AXE_RUN = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"


def violations(page: Page, name: str) -> list[str]:
    """What everybody's console must not have; the page is kept as a picture besides. Its content policy has to be bypassed."""
    if page.get_by_role("dialog").count() == 0:
        settle(page)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    page.add_script_tag(path=AXE)
    found = page.evaluate(AXE_RUN)["violations"]
    return [f"{violation['id']}: {violation['nodes'][0]['html'][:200]}" for violation in found]


def settle(page: Page) -> None:
    """Until everything has been asked for and drawn."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("status", name="Loading")).to_have_count(0)
    expect(page.locator(".skeleton")).to_have_count(0)
