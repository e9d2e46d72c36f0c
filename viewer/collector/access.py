"""The bearer token that guards receivers."""

import hmac


def is_authorized(header: str, token: str | None) -> bool:
    """Say whether an Authorization header carries the token; always true where none is set."""
    if token is None:
        return True
    scheme, _, given = header.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(
        given.strip().encode("utf-8", "replace"), token.encode()
    )
