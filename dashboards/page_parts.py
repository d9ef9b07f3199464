"""Fragments of a self-contained page: escaped tables and facts, embedded figures, the page around them."""

from collections.abc import Iterable, Sequence
from html import escape

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from dashboards.page_style import PAGE_CSS
from dashboards.theme import PLOT_CONFIG, VERMILLION

# The page may run its own script and show what that draws; the browser refuses every request to elsewhere.
_CONTENT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
    "form-action 'none'"
)


def page(*, title: str, body: str) -> str:
    """Return a whole HTML page with plotly.js inside; `body` is HTML, `title` is text."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_CONTENT_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{PAGE_CSS}</style>
<script>{get_plotlyjs()}</script>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def heading(text: str) -> str:
    """Return the page's one h1."""
    return f"<h1>{escape(text)}</h1>\n"


def section(title: str, *parts: str) -> str:
    """Return a section with an h2; `title` is text, `parts` are HTML."""
    return f"<section>\n<h2>{escape(title)}</h2>\n{''.join(parts)}</section>\n"


def paragraph(text: str) -> str:
    """Return a paragraph of text."""
    return f"<p>{escape(text)}</p>\n"


def banner(text: str) -> str:
    """Return a warning that cannot be overlooked."""
    return f'<p class="banner" role="alert">{escape(text)}</p>\n'


def folded(summary: str, *parts: str) -> str:
    """Return a part of the page that opens when its summary is pressed; `summary` is text, `parts` are HTML."""
    return f"<details>\n<summary>{escape(summary)}</summary>\n{''.join(parts)}</details>\n"


def facts(items: Iterable[tuple[str, str]]) -> str:
    """Return a list of terms and what holds for them, both text."""
    rows = "".join(f"<div><dt>{escape(term)}</dt><dd>{escape(value)}</dd></div>\n" for term, value in items)
    return f'<dl class="facts">\n{rows}</dl>\n'


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, is_numeric: bool = True) -> str:
    """Return a table of texts whose first column names the row; it scrolls sideways where it is too wide.

    Args:
        caption: what the table holds.
        head: names of the columns.
        rows: cells, one per column.
        is_numeric: whether the cells after the first are numbers, aligned to the right.
    """
    # A name with underscores may go on in the next line behind each of them; copied, it is still one word.
    top = "".join(f'<th scope="col">{escape(name).replace("_", "_<wbr>")}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in rest)}</tr>\n'
        for first, *rest in rows
    )
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}">\n'
        f'<table class="{"numbers" if is_numeric else "texts"}"><caption><span>{escape(caption)}</span></caption>\n'
        f"<thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
    )


def embedded_figure(
    figure: go.Figure,
    *,
    element_id: str,
    caption: str,
    is_synthetic: bool,
    css_class: str = "",
    min_width_px: int = 0,
    height: str | None = None,
) -> str:
    """Return a figure as HTML, its title replaced by the caption; narrower than `min_width_px` it scrolls sideways.

    Changes the figure's title and height in place.

    Args:
        figure: what to show.
        element_id: unique in the page.
        caption: text below the figure, and its name for screen readers.
        is_synthetic: whether a mark in the figure says so, also in a downloaded picture.
        css_class: "", "wide-only" or "narrow-only" (see `PAGE_CSS`).
        min_width_px: where the page is narrower, the figure keeps this width.
        height: a CSS height that may depend on the page's width; None keeps the figure's own.
    """
    mark = {"text": "synthetic data", "font": {"size": 14, "color": VERMILLION}} if is_synthetic else {"text": ""}
    figure.update_layout(title={"subtitle": {"text": ""}, **mark}, margin_t=56)
    if height is None:
        height = f"{figure.layout.height}px"
    else:
        figure.update_layout(height=None)
    plot = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=element_id,
        config=PLOT_CONFIG,
        default_height="100%",
    )
    return (
        f'<figure class="{css_class}" aria-labelledby="{element_id}-caption">\n'
        f'<div class="plot"><div style="min-width:{min_width_px}px; height:{height}">{plot}</div></div>\n'
        f'<figcaption id="{element_id}-caption">{escape(caption)}</figcaption>\n</figure>\n'
    )
