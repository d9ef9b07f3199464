"""Heat maps of rank correlations: choices of every layer across, one map per objective."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.figures.frame import finish, note_figure
from dashboards.infos.importance import CHOICES, ImportanceInfo
from dashboards.labels import as_plot_text, metric_title_with_direction
from dashboards.theme import DIVERGING

_ROW_PX = 26


def plot_importance(info: ImportanceInfo, *, n_columns: int = 3) -> go.Figure:
    """Draw one map per objective: blue goes with less of it, orange with more; a number in brackets may be chance."""
    if info.note:
        return note_figure(title=info.title, note=info.note, is_synthetic=info.is_synthetic)
    n_columns = min(n_columns, len(info.objectives))
    n_rows = -(-len(info.objectives) // n_columns)
    panel_px = _ROW_PX * len(info.layers)
    inner_px = n_rows * panel_px + (n_rows - 1) * 110
    figure = make_subplots(
        rows=n_rows,
        cols=n_columns,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0 if n_rows == 1 else 110 / inner_px,
        subplot_titles=[metric_title_with_direction(objective.name) for objective in info.objectives],
    )
    for panel, (objective, rows) in enumerate(zip(info.objectives, info.correlations, strict=True)):
        title = metric_title_with_direction(objective.name)
        figure.add_trace(
            go.Heatmap(
                z=rows,
                x=["weight bits", "act. bits", "JR weight"],
                y=[as_plot_text(layer) for layer in info.layers],
                text=[[_text(value, info.noise) for value in row] for row in rows],
                customdata=[list(CHOICES)] * len(rows),
                texttemplate="%{text}",
                textfont={"size": 11},
                zmin=-1,
                zmax=1,
                colorscale=DIVERGING,
                showscale=panel == 0,
                colorbar={
                    "title": {"text": "rank corr."},
                    "thickness": 12,
                    "y": 1,
                    "yanchor": "top",
                    "len": panel_px,
                    "lenmode": "pixels",
                    "tickvals": [-1, -0.5, 0, 0.5, 1],
                },
                xgap=1,
                ygap=1,
                hoverongaps=False,
                hovertemplate=f"%{{y}}, %{{customdata}}<br>with {title}: %{{z:+.2f}}<extra></extra>",
            ),
            row=panel // n_columns + 1,
            col=panel % n_columns + 1,
        )
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="", type="category", tickfont={"size": 11})
    figure.update_xaxes(showgrid=False, ticks="", tickfont={"size": 11}, tickangle=0 if n_columns < 3 else None)
    subtitle = f"{info.n_trials} complete trials; in brackets: within ±{info.noise:.2f}, what chance alone gives"
    return finish(figure, title=info.title, is_synthetic=info.is_synthetic, height=inner_px + 200, subtitle=subtitle)


def _text(value: float | None, noise: float) -> str:
    if value is None:
        return ""
    return f"({value:+.2f})" if abs(value) < noise else f"{value:+.2f}"
