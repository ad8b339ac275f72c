"""The one error of the lab."""


class LabError(Exception):
    """Something that ends the lab, in words for its user."""
