"""The dialog that exports a trial's model: which formats, for which device; the archive is downloaded."""

import logging
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashboards.pages.parts import aria
from dashboards.pages.services import ExportService
from dashboards.pages.source import StudySource
from spaces.errors import SearchError

_log = logging.getLogger(__name__)


def opener(exports: ExportService | None, files: Mapping[str, str]) -> Component:
    """Return the button that opens the dialog; it says why where there is nothing to export."""
    if exports is None:
        return html.P("Exporting is not available on this server.", className="quiet")
    if not files:
        return html.P("No stored model to export.", className="quiet")
    return html.Button("Export", id="export-open", type="button", className="primary", **aria(haspopup="dialog"))


def layout(exports: ExportService | None, number: int) -> Component:
    """Return the dialog, closed."""
    if exports is None:
        return html.Div()
    formats, targets = list(exports.formats()), list(exports.targets())
    devices = dcc.RadioItems(
        id="export-target",
        options=[{"label": name, "value": name} for name in targets],
        value=next(iter(targets), None),
    )
    return html.Dialog(
        [
            html.H2(f"Export trial {number}", id="export-title"),
            html.Fieldset(
                [
                    html.Legend("Formats"),
                    dcc.Checklist(
                        id="export-formats",
                        options=[{"label": name, "value": name} for name in formats],
                        value=formats[:1],
                    ),
                ]
            ),
            html.Fieldset([html.Legend("Device"), devices], hidden=not targets),
            html.P(id="export-error", role="alert", className="alarm"),
            html.Div(
                [
                    html.Button("Close", id="export-close", type="button"),
                    html.Button("Download", id="export-run", type="button", className="primary"),
                ],
                className="dialog-buttons",
            ),
            dcc.Download(id="export-file"),
        ],
        id="export-dialog",
        **aria(labelledby="export-title"),
    )


def register(app: Dash, source: StudySource) -> None:
    """Register the dialog's callbacks."""
    in_browser: Any = app.clientside_callback  # has no types
    in_browser(ClientsideFunction("cosearch", "openDialog"), Input("export-open", "n_clicks"))
    in_browser(ClientsideFunction("cosearch", "closeDialog"), Input("export-close", "n_clicks"))

    @app.callback(
        Output("export-file", "data"),
        Output("export-error", "children"),
        Input("export-run", "n_clicks"),
        State("export-formats", "value"),
        State("export-target", "value"),
        State("place", "data"),
        prevent_initial_call=True,
        running=[
            (Output("export-run", "disabled"), True, False),
            (Output("export-run", "children"), "Exporting…", "Download"),
        ],
    )
    def export(
        clicks: int | None, formats: list[str] | None, target: str | None, place: dict[str, Any] | None
    ) -> tuple[Any, str]:
        exports = source.services.exports
        if not clicks or place is None or exports is None:
            raise PreventUpdate
        # What the browser sends is held against what was offered.
        chosen = [name for name in exports.formats() if name in (formats or [])]
        if not chosen:
            return no_update, "Choose a format."
        study, number = str(place["study"]), int(place["number"])
        device = target if target in exports.targets() else None
        try:
            archive = exports.export(study, number, formats=chosen, target=device)
        except SearchError as error:
            _log.warning("export of trial %d of %s: %s", number, study, error)
            return no_update, str(error)
        content = archive.read_bytes() if isinstance(archive, Path) else archive
        name = f"{study}-{number}-{'-'.join(chosen)}.zip"
        return {"content": b64encode(content).decode(), "filename": name, "base64": True, "type": "application/zip"}, ""
