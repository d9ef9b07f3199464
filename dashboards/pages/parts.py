"""Pieces of pages as Dash components: tables, facts, links, and figures that can be read as a table too."""

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

from dashboards.dark import for_dark
from dashboards.labels import as_sentence
from dashboards.theme import PLOT_CONFIG, VERMILLION

Content = Component | str | None


def aria(**values: str) -> dict[str, Any]:
    """Return attributes for assistive technology: `aria(label="x")` is `aria-label="x"`."""
    return {f"aria-{name}": value for name, value in values.items()}


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[Content]],
    *,
    is_numeric: bool = True,
    marked: frozenset[tuple[int, int]] = frozenset(),
) -> Component:
    """Return a table whose first column names the row; it scrolls sideways where it is too wide.

    Args:
        caption: what the table holds.
        head: names of the columns.
        rows: cells, one per column.
        is_numeric: whether the cells after the first are numbers, aligned to the right.
        marked: row and column of cells that stand out, both counted from 0.
    """
    body = [
        html.Tr(
            [
                html.Th(first, scope="row"),
                *(
                    html.Td(cell, className="marked" if (index, column) in marked else None)
                    for column, cell in enumerate(rest, start=1)
                ),
            ]
        )
        for index, (first, *rest) in enumerate(rows)
    ]
    return html.Div(
        html.Table(
            [
                html.Caption(html.Span(caption)),
                html.Thead(html.Tr([html.Th(name, scope="col") for name in head])),
                html.Tbody(body),
            ],
            className="numbers" if is_numeric else "texts",
        ),
        className="scroll",
        role="region",
        tabIndex="0",
        **aria(label=caption),
    )


def facts(items: Iterable[tuple[str, Content]]) -> Component:
    """Return a list of terms and what holds for them."""
    return html.Dl([html.Div([html.Dt(term), html.Dd(value)]) for term, value in items], className="facts")


def note(text: str) -> Component:
    """Return a sentence that stands where there is nothing to show."""
    return html.P(text, className="note")


def section(element_id: str, title: str, *children: Content, intro: str | None = None) -> Component:
    """Return a card with a heading that names it."""
    return html.Section(
        [
            html.H2(title, id=f"{element_id}-title"),
            *([html.P(intro, className="intro")] if intro else []),
            *children,
        ],
        className="card",
        **aria(labelledby=f"{element_id}-title"),
    )


def figure_card(
    element_id: str, title: str, *controls: Content, intro: str | None = None, has_table: bool = True
) -> Component:
    """Return a card with a figure, its caption and, for readers without a pointer, the figure's table."""
    config: Any = PLOT_CONFIG  # Dash types it by a class of its own
    graph = dcc.Graph(id=element_id, figure=go.Figure(layout=BLANK), config=config, responsive="auto")
    as_table = html.Details([html.Summary("Show as a table"), html.Div(id=f"{element_id}-table")], className="as-table")
    return section(
        element_id,
        title,
        *controls,
        html.Figure(
            [
                html.Div(graph, className="plot"),
                html.Figcaption(id=f"{element_id}-caption"),
            ]
        ),
        *([as_table] if has_table else []),
        intro=intro,
    )


# What a graph shows until its data are there: nothing, and not Plotly's empty axes.
BLANK: dict[str, Any] = {
    "xaxis": {"visible": False},
    "yaxis": {"visible": False},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "height": 320,
}


def for_page(figure: go.Figure, screen: dict[str, Any], *, revision: str) -> tuple[go.Figure, str]:
    """Fit a figure into a card, and return it with the text for its caption.

    The card has the title and the caption has the subtitle; what is synthetic keeps its mark.

    Args:
        figure: changed in place.
        screen: "theme" is "dark" or "light".
        revision: as long as it is the same, zoom, camera and hidden traces outlive a refresh.
    """
    title = figure.layout.title
    lines = [line for line in (title.subtitle.text or "").split("<br>") if line and not line.startswith("<span")]
    is_synthetic = "<span" in (title.subtitle.text or "")
    mark = {"text": "synthetic data", "font": {"size": 13, "color": VERMILLION}} if is_synthetic else {"text": ""}
    figure.update_layout(title={"subtitle": {"text": ""}, **mark}, margin_t=44, uirevision=revision)
    if not figure.data:
        # A note has no room to scroll on a narrow page.
        for annotation in figure.layout.annotations:
            annotation.text = "<br>".join(wrap(annotation.text, 40))
    drawn = for_dark(figure) if screen.get("theme") == "dark" else figure
    caption = "; ".join(lines)
    return drawn, as_sentence(caption) if caption else ""


def switch(element_id: str, legend: str, options: dict[str, str], value: str) -> Component:
    """Return a choice of one among few: radio buttons that look like one bar."""
    return html.Fieldset(
        [
            html.Legend(legend),
            dcc.RadioItems(
                id=element_id,
                options=[{"label": label, "value": key} for key, label in options.items()],
                value=value,
                className="switch",
                persistence=True,
                persistence_type="session",
            ),
        ],
        className="switch-set",
    )
