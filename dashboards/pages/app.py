"""The application: one Dash app whose every URL lies under the prefix of its services."""

import flask
from dash import Dash, html

from dashboards.pages.services import PageServices

# Where the Flask server that `make_pages` returns keeps the hashes of its inline scripts, for a content security policy.
CSP_HASHES = "COSEARCH_CSP_HASHES"


def make_pages(services: PageServices) -> flask.Flask:
    """Return the server of the pages; its configuration holds `CSP_HASHES`, sources for `script-src`."""
    app = Dash(
        __name__,
        url_base_pathname=services.prefix,
        title="cosearch",
        update_title=None,
        serve_locally=True,
        suppress_callback_exceptions=True,
    )
    app.layout = html.Main("Studies")
    server: flask.Flask = app.server
    server.config[CSP_HASHES] = tuple(app.csp_hashes())
    return server
