"""Takes the images of the live page in the documents, of a run of the demo.

PYTHONPATH="test:$PYTHONPATH" python docs/draw_live_page.py

Chromium has to be installed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from support.browser import browser

FOLDER = Path(__file__).parent
WINDOWS = (('live_page.png', 1400, False, 6), ('live_page_narrow.png', 390, True, 8))
"""Name, width, whether dark, and after how many utterances it is taken."""


def main() -> None:
    """Take them."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    demo = subprocess.Popen(
        [sys.executable, '-m', 'emotion_node', 'demo', '--interim'],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout is not None
    found = None
    while found is None:
        line = demo.stdout.readline()
        assert line, 'the demo ended'
        found = re.search(r'page: (\S+)', line)
    with tempfile.TemporaryDirectory() as folder, browser(Path(folder)) as page:
        for name, width, dark, utterances in WINDOWS:
            page.open(found[1], width, dark=dark)
            page.wait_for(f'document.querySelectorAll("article").length >= {utterances}', 60.0)
            page.wait_for('document.querySelectorAll(".chart svg").length > 1')
            page.wait_for('[...document.images].some(one => one.naturalWidth > 0)')
            page.screenshot(FOLDER / name)
            print(FOLDER / name)
    demo.communicate()


if __name__ == '__main__':
    main()
