"""The application: one Dash app whose every URL lies under the prefix of its services."""

import flask
from dash import Dash

from dashboards.pages import front_page, layers_page, progress_page, shell, studies_page, trial_page
from dashboards.pages.services import PageServices
from dashboards.pages.source import StudySource

# Where the Flask server of `make_pages` keeps the hashes of its inline scripts, sources for a policy's `script-src`.
CSP_HASHES = "COSEARCH_CSP_HASHES"


def make_pages(services: PageServices) -> flask.Flask:
    """Return the server of the pages; its configuration holds `CSP_HASHES`.

    Everything that it sends to a browser is its own: scripts and styles come from this server, nothing from elsewhere.
    """
    app = Dash(
        "cosearch",
        assets_folder=shell.ASSETS,
        url_base_pathname=services.prefix,
        title="cosearch",
        update_title="",
        serve_locally=True,
        suppress_callback_exceptions=True,
        index_string=shell.INDEX,
    )
    source = StudySource(services)
    app.layout = shell.layout(services.prefix, services.optuna_url)
    shell.register(app, source)
    for page in (studies_page, front_page, layers_page, progress_page, trial_page):
        page.register(app, source)
    server: flask.Flask = app.server
    server.config[CSP_HASHES] = tuple(app.csp_hashes())
    return server
