"""The native API, `/v1`: jobs, assets, endpoints, deliveries; and what operators look at: health and metrics.

Handlers parse, call one verb and present. What a verb raises becomes a problem in `web.problems`.
"""

from typing import Final

from starlette.routing import BaseRoute

from orchestrator.api.assets import routes as assets_routes
from orchestrator.api.deliveries import routes as deliveries_routes
from orchestrator.api.endpoints import routes as endpoints_routes
from orchestrator.api.events import routes as events_routes
from orchestrator.api.health import routes as health_routes
from orchestrator.api.jobs import routes as jobs_routes
from orchestrator.api.me import routes as me_routes
from orchestrator.api.openapi import routes as openapi_routes

routes: Final[list[BaseRoute]] = [
    *jobs_routes,
    *events_routes,
    *assets_routes,
    *endpoints_routes,
    *deliveries_routes,
    *me_routes,
    *health_routes,
    *openapi_routes,
]
"""In the order in which they are tried: the hot ones first."""
