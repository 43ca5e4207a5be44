"""Why is a caller not let in?"""


class KeyRefused(Exception):
    """This request carries no key that opens anything."""


class MissingKey(KeyRefused):
    """No key at all."""


class InvalidKey(KeyRefused):
    """Not a key of ours, or one that was revoked."""


class ExpiredKey(KeyRefused):
    """It was a good key."""


class OutOfScope(KeyRefused):
    """A good key, which may not do this."""


class KeysUnavailable(Exception):
    """Whether the key is good cannot be found out now: the database is away."""
