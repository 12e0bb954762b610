"""Who am I."""

import httpx

from orchestrator.app import SCOPES


async def test_a_consumer_sees_its_name_its_scopes_and_its_secret(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    me, other = (await client.get("/v1/me")).json(), (await stranger.get("/v1/me")).json()

    assert (me["consumer"], me["scopes"]) == ("key-of-consumer", SCOPES)
    assert me["webhook_secret"].startswith("whsec_")
    assert me["webhook_secret"] != other["webhook_secret"]
