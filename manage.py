#!/usr/bin/env python
"""Django's command line: `python manage.py help` lists LUKHAS's commands beside Django's own."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Runs the command. What is wrong with the settings is told in a line, and Ctrl-C leaves no traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lukhas_site.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Not started: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
