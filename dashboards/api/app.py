"""The API as a Flask application: routes, validators, and errors as JSON; every answer may be revalidated."""

import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import flask
from werkzeug.exceptions import HTTPException

from dashboards.api.answer import Problem
from dashboards.api.openapi import openapi_document
from dashboards.api.operations import OPERATIONS, Operation
from dashboards.api.resources import Resources
from spaces.errors import SearchError, SelectionError, SpecError, StorageError

_log = logging.getLogger(__name__)
_JSON = "application/json"
_RETRY_AFTER_S = "10"


def make_api(resources: Resources, *, prefix: str) -> flask.Flask:
    """Return the application with all its addresses under a prefix that has no slash at its end."""
    app = flask.Flask(__name__, static_folder=None)
    document = json.dumps(openapi_document(OPERATIONS, prefix=prefix, version=_package_version()))

    def describe() -> flask.Response:
        return _answer(document)

    _route(app, f"{prefix}/openapi.json", "openapi", describe)
    for operation in OPERATIONS:
        _route(app, prefix + _rule(operation), operation.name, _view(operation, resources))
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(SearchError, _search_problem)
    app.register_error_handler(Exception, _unknown_problem)
    return app


def _route(app: flask.Flask, rule: str, name: str, view: Callable[..., flask.Response]) -> None:
    app.add_url_rule(rule, name, view, methods=["GET"], provide_automatic_options=False, strict_slashes=True)


def _rule(operation: Operation) -> str:
    return operation.path.replace("{", "<").replace("}", ">")


def _view(operation: Operation, resources: Resources) -> Callable[..., flask.Response]:
    def view(**path: str) -> flask.Response:
        return _answer(operation.handler(resources, **_arguments(operation, path)).model_dump_json())

    return view


def _arguments(operation: Operation, path: dict[str, str]) -> dict[str, Any]:
    """Return the value of every parameter.

    Raises:
        SpecError: one is unknown, given twice, or not what it takes.
    """
    query = flask.request.args
    known = [parameter.name for parameter in operation.parameters if not parameter.in_path]
    for name, values in query.lists():
        if name not in known:
            raise SpecError(f"unknown parameter {name[:50]!r}; known here: {', '.join(known) or 'none'}.")
        if len(values) > 1:
            raise SpecError(f"parameter {name!r} is given {len(values)} times; give it once.")
    given = {**path, **{name: query[name] for name in known if name in query}}
    return {
        parameter.name: parameter.read(given[parameter.name]) if parameter.name in given else parameter.default
        for parameter in operation.parameters
    }


def _answer(body: str) -> flask.Response:
    """Return an answer that a client keeps but asks again for; it comes only if something changed."""
    response = flask.Response(body, mimetype=_JSON)
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    response.make_conditional(flask.request)
    return response


def _problem(status: int, message: str) -> flask.Response:
    body = Problem(status=status, message=message).model_dump_json()
    response = flask.Response(body, status=status, mimetype=_JSON)
    response.headers["Cache-Control"] = "no-store"
    return response


def _http_problem(error: HTTPException) -> flask.Response:
    if error.code is None:
        return _unknown_problem(error)
    response = _problem(error.code, error.description or error.name)
    for name, value in error.get_headers(None):
        if name.lower() == "allow":
            response.headers[name] = value
    return response


def _search_problem(error: SearchError) -> flask.Response:
    statuses = {SpecError: HTTPStatus.BAD_REQUEST, SelectionError: HTTPStatus.NOT_FOUND}
    if isinstance(error, StorageError):
        _log.warning("%s", error)
        response = _problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        response.headers["Retry-After"] = _RETRY_AFTER_S
        return response
    status = statuses.get(type(error))
    return _unknown_problem(error) if status is None else _problem(status, str(error))


def _unknown_problem(error: Exception) -> flask.Response:
    _log.error("the API failed on %s", flask.request.path, exc_info=error)
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed on this request; its log says why.")


def _package_version() -> str:
    try:
        return version("cosearch")
    except PackageNotFoundError:
        return "0"
