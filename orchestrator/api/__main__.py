"""`python -m orchestrator.api` prints the OpenAPI document: the copy in `docs/` is made this way."""

import sys

from orchestrator.api.openapi import encoded

sys.stdout.buffer.write(encoded())
