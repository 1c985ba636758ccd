"""Running management commands as a shell does, options parsed, and reading what they say."""

from io import StringIO

from django.core.management import call_command


def run(*arguments: str) -> tuple[str, str]:
    """What the command wrote on standard output and on standard error."""
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()
