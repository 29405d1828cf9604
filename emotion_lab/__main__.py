"""`python -m emotion_lab COMMAND`: measure the product and train its models."""

from __future__ import annotations

import sys

from emotion_lab.commands import main

if __name__ == '__main__':
    sys.exit(main())
