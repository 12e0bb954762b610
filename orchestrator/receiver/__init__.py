"""Where providers call back. It needs the database and the blob store and nothing else, so it can be deployed alone."""

from typing import Final

from starlette.routing import BaseRoute

from orchestrator.receiver.callbacks import routes as callback_routes

routes: Final[list[BaseRoute]] = [*callback_routes]
