"""What of a server's URL may be shown to people and written to logs."""


def shown(url: str) -> str:
    """Return a URL without the name and the password in it, and without its options."""
    scheme, sep, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{sep}{_bare(authority.rpartition('@')[2])}{slash}{_bare(path)}"


def _bare(text: str) -> str:
    return text.partition("?")[0].partition("#")[0]
