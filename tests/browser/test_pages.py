"""The pages in a real browser, on a study with real results."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import FakeExports
from tests.browser.looking import WAIT_MS, open_page, overflow_px, settle, violations, visit
from tests.dashboards.builders import edge_cases

pytestmark = pytest.mark.browser
expect.set_options(timeout=WAIT_MS)

PAGES = ("", "study/cifar/front", "study/cifar/layers", "study/cifar/progress", "study/cifar/trial/12")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_page_is_accessible_and_fits(browser: Browser, address: str, path: str, width: int, theme: str) -> None:
    with open_page(browser, width=width, theme=theme) as page:
        visit(page, address + path)
        assert violations(page) == []
        assert overflow_px(page) == 0
        assert page.evaluate("document.documentElement.dataset.theme") == theme


@pytest.mark.parametrize("case", sorted(edge_cases()))
def test_study_with_little_to_show_has_sensible_pages(browser: Browser, address: str, case: str) -> None:
    with open_page(browser) as page:
        for part in ("front", "layers", "progress"):
            visit(page, f"{address}study/{case.replace(' ', '-')}/{part}")
            expect(page.locator("h1")).to_have_text(case.replace(" ", "-"))
            assert overflow_px(page) == 0


def test_clicked_points_are_compared(browser: Browser, address: str) -> None:
    with open_page(browser) as page:
        _show_plane(page, address)
        _click_point(page, "front", 0)
        expect(page.get_by_text("Choose another trial to compare")).to_be_visible()
        _click_point(page, "front", 3)
        expect(page.locator(".chip")).to_have_count(2)
        expect(page.get_by_role("heading", name="Accuracy against epsilon")).to_be_visible()
        expect(page.get_by_role("heading", name="Layer by layer")).to_be_visible()
        settle(page)
        assert violations(page) == []


def test_choice_and_theme_outlive_a_reload(browser: Browser, address: str) -> None:
    with open_page(browser) as page:
        visit(page, f"{address}study/cifar/front")
        page.get_by_role("button", name="compare trial 12").click()
        expect(page.locator(".chip")).to_have_count(1)
        page.get_by_role("button", name="Dark theme").click()
        page.reload()
        settle(page)
        expect(page.locator(".chip")).to_contain_text("trial 12")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.get_by_role("button", name="take trial 12 out of the comparison").click()
        expect(page.locator(".chip")).to_have_count(0)


def test_keyboard_alone_compares_two_trials(browser: Browser, address: str) -> None:
    with open_page(browser) as page:
        visit(page, f"{address}study/cifar/front")
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        for number in (12, 4):
            page.get_by_role("button", name=f"compare trial {number}", exact=True).focus()
            page.keyboard.press("Enter")
            expect(page.get_by_role("button", name=f"compare trial {number}", exact=True)).to_have_text("chosen")
        expect(page.locator(".chip")).to_have_count(2)


def test_slider_shows_an_earlier_front(browser: Browser, address: str) -> None:
    with open_page(browser) as page:
        _show_plane(page, address)
        before = page.locator("#front-caption").inner_text()
        page.locator("#front-revision").focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#front-revision-text")).to_have_text("1 of 15")
        expect(page.locator("#front-caption")).to_contain_text("1 of 1 complete trials")
        page.locator("#front-revision").press("End")
        expect(page.locator("#front-caption")).to_have_text(before)


def test_range_filters_trials(browser: Browser, address: str) -> None:
    with open_page(browser) as page:
        _show_plane(page, address)
        page.get_by_text("Filter by ranges").click()
        sizes = page.get_by_role("group", name="size, B")
        sizes.get_by_label("to").fill("35000")
        expect(page.locator("#front-caption")).to_contain_text("2 of 2 complete trials within the ranges")


_X_RANGE = "document.querySelector('#front .js-plotly-plot').layout.xaxis.range"


def test_refresh_keeps_the_zoom(browser: Browser, address: str) -> None:
    with open_page(browser) as page:
        _show_plane(page, address)
        unzoomed = page.evaluate(_X_RANGE)
        drawn = page.locator("#front .nsewdrag").bounding_box()
        assert drawn is not None
        # Dragged as a person does: what a script sets is not kept by design.
        page.mouse.move(drawn["x"] + 0.2 * drawn["width"], drawn["y"] + 0.2 * drawn["height"])
        page.mouse.down()
        page.mouse.move(drawn["x"] + 0.7 * drawn["width"], drawn["y"] + 0.7 * drawn["height"], steps=8)
        page.mouse.up()
        settle(page)
        zoomed = page.evaluate(_X_RANGE)
        assert zoomed[1] - zoomed[0] < 0.6 * (unzoomed[1] - unzoomed[0])
        page.get_by_role("button", name="compare trial 12").click()
        expect(page.locator(".chip")).to_have_count(1)
        settle(page)
        assert page.evaluate(_X_RANGE) == zoomed


def test_finished_study_is_not_polled(browser: Browser, address: str) -> None:
    with open_page(browser) as page:
        visit(page, f"{address}study/cifar/progress")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(6500)  # longer than the interval of the polls
        assert asked == []


def test_export_dialog_downloads_an_archive(browser: Browser, address: str, exports: FakeExports) -> None:
    with open_page(browser) as page:
        visit(page, f"{address}study/cifar/trial/12")
        page.get_by_role("button", name="Export").click()
        dialog = page.get_by_role("dialog", name="Export trial 12")
        expect(dialog).to_be_visible()
        assert violations(page) == []
        dialog.get_by_label("cortex-m7").check()
        with page.expect_download() as download:
            dialog.get_by_role("button", name="Download").click()
        assert download.value.suggested_filename == "cifar-12-keras.zip"
        assert exports.asked[-1] == ("cifar", 12, ("keras",), "cortex-m7")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()


def _show_plane(page: Page, address: str) -> None:
    visit(page, f"{address}study/cifar/front")
    page.locator("label", has_text="robust accuracy / size").click()
    page.wait_for_selector("#front .xaxislayer-above")
    settle(page)


def _click_point(page: Page, trace: str, index: int) -> None:
    """Click where Plotly has drawn a point of a trace."""
    place = page.evaluate(
        """([name, index]) => {
            const plot = document.querySelector('#front .js-plotly-plot');
            const trace = plot._fullData.find((item) => item.name === name);
            const box = plot.getBoundingClientRect();
            const { xaxis, yaxis } = plot._fullLayout;
            return [box.left + xaxis._offset + xaxis.d2p(plot.data[trace.index].x[index]),
                    box.top + yaxis._offset + yaxis.d2p(plot.data[trace.index].y[index])];
        }""",
        [trace, index],
    )
    page.mouse.move(*place)
    page.wait_for_selector("#front .hoverlayer .hovertext")  # Plotly knows what is clicked only once it hovers
    page.mouse.click(*place)
    page.mouse.move(0, 0)
    settle(page)
