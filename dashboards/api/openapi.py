"""The OpenAPI 3.1 document of the API, made from the table of its operations and the schemas of its answers."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from pydantic.json_schema import models_json_schema

from dashboards.api.answer import Answer, Problem
from dashboards.api.operations import Operation

_SCHEMAS = "#/components/schemas/"
_PROBLEMS = {
    HTTPStatus.BAD_REQUEST: "A parameter is unknown or not what holds for it.",
    HTTPStatus.NOT_FOUND: "There is no such study, trial or revision, or it was not measured.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database does not answer.",
}


def openapi_document(operations: Sequence[Operation], *, prefix: str, version: str) -> dict[str, Any]:
    """Return the document as JSON values.

    Args:
        operations: the addresses.
        prefix: under which they lie.
        version: of this package.
    """
    answers: list[type[Answer]] = list(dict.fromkeys([*(operation.answer for operation in operations), Problem]))
    _, schemas = models_json_schema(
        [(answer, "serialization") for answer in answers], ref_template=_SCHEMAS + "{model}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cosearch",
            "version": version,
            "description": "Studies, trials, fronts and audits of a database, for reading.",
        },
        "servers": [{"url": prefix}],
        "paths": {operation.path: {"get": _get(operation)} for operation in operations},
        "components": {"schemas": schemas["$defs"]},
    }


def _get(operation: Operation) -> dict[str, Any]:
    problems = {
        status: text
        for status, text in _PROBLEMS.items()
        if status is not HTTPStatus.NOT_FOUND or any(parameter.in_path for parameter in operation.parameters)
    }
    return {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [parameter.document() for parameter in operation.parameters],
        "responses": {
            "200": _response("The answer.", operation.answer.__name__),
            "304": {"description": "Nothing changed since the answer with the given ETag."},
            **{str(status.value): _response(text, Problem.__name__) for status, text in problems.items()},
        },
    }


def _response(description: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": _SCHEMAS + schema}}}
    return {"description": description, "content": content}
