"""Conditional requests (RFC 9110, section 13): whether the client has what it asks for already."""


def has_current(if_none_match: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names `etag`, compared weakly, as the standard asks for GET."""
    if if_none_match is None:
        return False
    given = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in given or etag in given
