"""What the OpenAPI document says of each route beyond what its types say. Data only; a test holds it to the routes.

A route is described by what it takes and what it answers. Errors are the same problem everywhere, so that only their
statuses are listed; 401 goes without saying where a key is needed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orchestrator.api.deliveries import DeliveryList, DeliveryObject
from orchestrator.api.description import Answer, Operation, Parameter
from orchestrator.api.endpoints import (
    EndpointChanges,
    EndpointList,
    EndpointObject,
    EndpointRequest,
    EndpointTested,
    SecretObject,
)
from orchestrator.api.health import Health
from orchestrator.api.jobs import BatchResult, JobList
from orchestrator.api.me import Me
from orchestrator.api.orders import BatchRequest, JobRequest
from orchestrator.domain.delivery import DeliveryState
from orchestrator.domain.job import JobState
from orchestrator.lifecycle.present import JobObject
from orchestrator.web.paging import DEFAULT_LIMIT, MAX_LIMIT

_TEXT: Final = {"type": "string"}
_UUID: Final = {"type": "string", "format": "uuid"}
_TIME: Final = {"type": "string", "format": "date-time"}
_WAIT: Final = {"type": "integer", "minimum": 0, "maximum": 60, "default": 0}
_LIMIT: Final = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}


def _words(words: Sequence[str]) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "enum": list(words)}}


_ID: Final = Parameter("id", "path", _UUID, "Its id.")
_PAGING: Final = (
    Parameter("limit", "query", _LIMIT, "How many to show."),
    Parameter("cursor", "query", _TEXT, "`next_cursor` of the page before."),
)
_KEY: Final = Parameter(
    "Idempotency-Key",
    "header",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "The same key with the same request answers with the job that it made; with another request it is refused.",
)
_PREFER: Final = Parameter(
    "Prefer", "header", _TEXT, "`wait=N` holds the answer until the job is final, N seconds at most."
)
_HAVE: Final = Parameter("If-None-Match", "header", _TEXT, "The ETag that the client has.")
_STATE: Final = Parameter("state", "query", _words(list(DeliveryState)), "Only these; several, or with commas.")

_JOB: Final = Answer(text="The job.", kind=JobObject)
_ENDPOINT: Final = Answer(text="The endpoint.", kind=EndpointObject)
_SAME: Final = Answer(text="The client has it already.")
_BYTES: Final = "application/octet-stream"

OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("POST", "/v1/jobs"): Operation(
        id="createJob",
        tag="jobs",
        summary="Ask for a job. It is on the disk when this answers.",
        parameters=(_KEY, _PREFER),
        body=JobRequest,
        takes_form=True,
        answers={200: Answer(text="The job, which ended while we waited.", kind=JobObject), 202: _JOB},
        problems=(400, 413, 422, 503),
    ),
    ("POST", "/v1/jobs/batch"): Operation(
        id="createJobs",
        tag="jobs",
        summary="Ask for up to 100 jobs, each judged on its own.",
        parameters=(_KEY,),
        body=BatchRequest,
        answers={200: Answer(text="A job or a problem for each, in their order.", kind=BatchResult)},
        problems=(400, 413, 422, 503),
    ),
    ("GET", "/v1/jobs"): Operation(
        id="listJobs",
        tag="jobs",
        summary="The jobs, newest first.",
        parameters=(
            Parameter("status", "query", _words(list(JobState)), "Only these; several, or with commas."),
            Parameter("operation", "query", _TEXT, "Only this operation."),
            Parameter("created_after", "query", _TIME, "Created then or later."),
            Parameter("created_before", "query", _TIME, "Created before then."),
            *_PAGING,
        ),
        answers={200: Answer(text="A page.", kind=JobList)},
        problems=(422,),
    ),
    ("GET", "/v1/jobs/{id}"): Operation(
        id="showJob",
        tag="jobs",
        summary="A job; `wait` holds the answer until it is final, or changes when If-None-Match came along.",
        parameters=(_ID, Parameter("wait", "query", _WAIT, "Seconds to hold the answer."), _HAVE),
        answers={200: _JOB, 304: _SAME},
        problems=(404, 422),
    ),
    ("GET", "/v1/jobs/{id}/events"): Operation(
        id="followJob",
        tag="jobs",
        summary="The job's changes as server-sent events named `job`, each with the whole job, until it is final.",
        parameters=(_ID, Parameter("Last-Event-ID", "header", _TEXT, "The revision that the client has.")),
        answers={
            200: Answer(text="The stream.", media="text/event-stream"),
            204: Answer(text="The job is final, and the client has it."),
        },
        problems=(404,),
    ),
    ("POST", "/v1/jobs/{id}/cancel"): Operation(
        id="cancelJob",
        tag="jobs",
        summary="Cancel a job that has not ended. The provider may charge for it all the same.",
        parameters=(_ID,),
        answers={200: _JOB},
        problems=(404, 409),
    ),
    ("POST", "/v1/jobs/{id}/retry"): Operation(
        id="retryJob",
        tag="jobs",
        summary="Submit a job again that failed, expired or was canceled. It costs again.",
        parameters=(_ID,),
        answers={200: _JOB},
        problems=(404, 409),
    ),
    ("GET", "/v1/jobs/{id}/deliveries"): Operation(
        id="listJobDeliveries",
        tag="deliveries",
        summary="What was told of a job.",
        parameters=(_ID, _STATE, *_PAGING),
        answers={200: Answer(text="A page.", kind=DeliveryList)},
        problems=(404, 422),
    ),
    ("GET", "/v1/assets/{id}"): Operation(
        id="showAsset",
        tag="assets",
        summary="The bytes of an asset, by key or by signed link. They never change.",
        parameters=(
            _ID,
            Parameter("expires", "query", {"type": "integer"}, "Of a signed link."),
            Parameter("signature", "query", _TEXT, "Of a signed link."),
            Parameter("Range", "header", _TEXT, "One range of bytes."),
            Parameter("If-Range", "header", _TEXT, "The ETag for which the range is meant."),
            _HAVE,
        ),
        answers={
            200: Answer(text="The bytes.", media=_BYTES),
            206: Answer(text="The range.", media=_BYTES),
            304: _SAME,
        },
        problems=(403, 404, 416),
    ),
    ("POST", "/v1/endpoints"): Operation(
        id="createEndpoint",
        tag="endpoints",
        summary="Make an endpoint. Its secret is shown in this answer only.",
        body=EndpointRequest,
        answers={201: _ENDPOINT},
        problems=(400, 413, 422),
    ),
    ("GET", "/v1/endpoints"): Operation(
        id="listEndpoints",
        tag="endpoints",
        summary="The endpoints, newest first.",
        parameters=_PAGING,
        answers={200: Answer(text="A page.", kind=EndpointList)},
        problems=(422,),
    ),
    ("GET", "/v1/endpoints/{id}"): Operation(
        id="showEndpoint",
        tag="endpoints",
        summary="An endpoint, without its secret.",
        parameters=(_ID,),
        answers={200: _ENDPOINT},
        problems=(404,),
    ),
    ("PATCH", "/v1/endpoints/{id}"): Operation(
        id="changeEndpoint",
        tag="endpoints",
        summary="Change what the body names; `enabled: true` also takes back that it was disabled for 410 Gone.",
        parameters=(_ID,),
        body=EndpointChanges,
        answers={200: _ENDPOINT},
        problems=(400, 404, 413, 422),
    ),
    ("DELETE", "/v1/endpoints/{id}"): Operation(
        id="deleteEndpoint",
        tag="endpoints",
        summary="Delete an endpoint with its deliveries.",
        parameters=(_ID,),
        answers={204: Answer(text="It is gone.")},
        problems=(404,),
    ),
    ("POST", "/v1/endpoints/{id}/secret/rotate"): Operation(
        id="rotateSecret",
        tag="endpoints",
        summary="Make a new secret; the old one signs beside it for a while.",
        parameters=(_ID,),
        answers={200: Answer(text="The new secret.", kind=SecretObject)},
        problems=(404,),
    ),
    ("POST", "/v1/endpoints/{id}/test"): Operation(
        id="testEndpoint",
        tag="endpoints",
        summary="Send a signed `endpoint.test` event now.",
        parameters=(_ID,),
        answers={200: Answer(text="What came of it.", kind=EndpointTested)},
        problems=(404,),
    ),
    ("GET", "/v1/deliveries"): Operation(
        id="listDeliveries",
        tag="deliveries",
        summary="What was told to whom, newest first.",
        parameters=(
            Parameter("job_id", "query", _UUID, "Only of this job."),
            Parameter("endpoint_id", "query", _UUID, "Only to this endpoint."),
            _STATE,
            *_PAGING,
        ),
        answers={200: Answer(text="A page.", kind=DeliveryList)},
        problems=(422,),
    ),
    ("GET", "/v1/deliveries/{id}"): Operation(
        id="showDelivery",
        tag="deliveries",
        summary="A delivery with its attempts.",
        parameters=(_ID,),
        answers={200: Answer(text="The delivery.", kind=DeliveryObject)},
        problems=(404,),
    ),
    ("GET", "/v1/me"): Operation(
        id="showMe",
        tag="me",
        summary="The consumer behind the key, with the secret that signs what goes to a job's own `callback_url`.",
        answers={200: Answer(text="The consumer.", kind=Me)},
    ),
    ("GET", "/healthz"): Operation(
        id="showAlive",
        tag="health",
        summary="The process answers.",
        is_open=True,
        answers={200: Answer(text="Alive.", kind=Health)},
    ),
    ("GET", "/readyz"): Operation(
        id="showReady",
        tag="health",
        summary="The database and the blob store answer.",
        is_open=True,
        answers={200: Answer(text="Ready.", kind=Health)},
        problems=(503,),
    ),
    ("GET", "/metrics"): Operation(
        id="showMetrics",
        tag="health",
        summary="Counters and gauges for Prometheus.",
        is_open=True,
        answers={200: Answer(text="The metrics.", media="text/plain")},
    ),
    ("GET", "/openapi.json"): Operation(
        id="showOpenapi",
        tag="health",
        summary="This document.",
        is_open=True,
        answers={200: Answer(text="The document.", media="application/json")},
    ),
}
