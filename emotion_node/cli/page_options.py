"""Where the live page is served: options that `view --web` and `live` share."""

from __future__ import annotations

import argparse


def add_page_options(parser: argparse._ActionsContainer) -> None:
    """Add --host and --port."""
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        metavar='ADDRESS',
        help='address that the page is served on (default 127.0.0.1: only this machine; any other '
        'needs the token in the printed address)',
    )
    parser.add_argument(
        '--port', type=int, metavar='N', help='its port (default: the first free one from 8440)'
    )


def page_arguments(args: argparse.Namespace) -> list[str]:
    """Return these options for another process."""
    return ['--host', args.host, *(() if args.port is None else ('--port', str(args.port)))]
