"""The one error that the local cluster raises on purpose."""


class LocalClusterError(Exception):
    """Something that a person can act on; its text is one clear sentence."""
