"""HTTP to addresses that somebody else chose: webhooks to consumers, downloads of what an upstream links to.

Every such request goes through one guarded session (`client.open_session`), so that nobody can use this service to
reach what only this service can reach. The provider's own API is not called from here: the operator chose that address.

Names that callers use: `Guard` and `Forbidden` (which addresses), `open_session` (how), `send_webhook` and `download`
(what for), `Fault` (what went wrong).
"""
