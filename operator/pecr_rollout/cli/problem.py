"""The one error that a command shows to its user."""


class Refused(Exception):  # noqa: N818 - it reads as what happened
    """Input that cannot be read or trusted: the text is one clear line for a person."""

    def __str__(self) -> str:
        return " ".join(super().__str__().split())
