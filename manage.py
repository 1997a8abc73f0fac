#!/usr/bin/env python3
"""Every command of the project: `manage.py help` lists them."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415  after the settings are named

    from config.serving import servers_for  # noqa: PLC0415

    with servers_for(sys.argv[1:2]):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
