"""What a request finds beside itself: the services, put there by the application's lifespan."""

from typing import TypeAlias, TypedDict

from starlette import requests

from orchestrator.lifecycle.services import Services


class State(TypedDict):
    """The lifespan's state."""

    services: Services


Request: TypeAlias = requests.Request[State]
