"""The OpenAPI document describes what is served: nothing else, and nothing less."""

from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.routing import Route

from orchestrator.api import routes
from orchestrator.api.openapi import document, encoded
from orchestrator.domain.operations import OPERATIONS

DOCUMENT = msgspec.json.decode(msgspec.json.encode(document()))


def test_the_copy_in_the_docs_is_the_document() -> None:
    kept = Path(__file__).parents[2] / "docs" / "openapi.json"

    assert kept.read_bytes() == encoded(), "run: python -m orchestrator.api > docs/openapi.json"


def test_every_route_is_described_and_every_description_is_a_route() -> None:
    served = {
        (method.lower(), route.path)
        for route in routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    described = {(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods}

    assert described == served


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(each) for each in node.values()))
    return set().union(*(references(each) for each in node)) if isinstance(node, list) else set()


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        found = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]

        assert found


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()]

    assert len(set(ids)) == len(ids)


def test_every_parameter_of_a_path_is_described() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            described = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}

            assert described == ({"id"} if "{id}" in path else set())


def test_every_operation_that_can_be_asked_for_has_the_schema_of_its_input() -> None:
    variants = DOCUMENT["components"]["schemas"]["JobRequest"]["oneOf"]

    assert {variant["properties"]["operation"]["const"] for variant in variants} == set(OPERATIONS)


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/endpoints", "/v1/deliveries", "/v1/me"])
async def test_what_the_document_calls_secured_needs_a_key(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path, headers={"authorization": ""})

    assert response.status_code == 401
    assert "401" in DOCUMENT["paths"][path]["get"]["responses"]


async def test_the_document_is_served_to_anybody(client: httpx.AsyncClient) -> None:
    response = await client.get("/openapi.json", headers={"authorization": ""})

    assert response.status_code == 200
    assert response.json() == DOCUMENT
    assert response.json()["openapi"].startswith("3.1")
