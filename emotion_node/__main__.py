"""`python -m emotion_node`."""

from __future__ import annotations

import sys

from emotion_node.cli.main import main

if __name__ == '__main__':
    sys.exit(main())
