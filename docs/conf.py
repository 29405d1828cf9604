"""Settings of the site that `make docs` builds from these documents; rosdoc2 reads them too.

Documents link to files as they lie in the repository. Here links to files that are not below
docs/ become downloads, or links to the page in docs/pages/ that stands for them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

project = 'emotion_node'
author = 'emotion_node maintainers'
copyright = author

extensions = ['myst_parser']
myst_heading_anchors = 4
nitpicky = True

html_theme = 'alabaster'
html_theme_options = {
    'description': "Perceives the emotion of a robot's partner",
    'page_width': '1100px',
    'sidebar_width': '230px',
}
html_show_sourcelink = False

rosdoc2_settings = {'enable_autodoc': False, 'support_markdown': False}

LINK = re.compile(r'(?<=\]\()(?![a-z][a-z+.-]*:|#)([^)\s#]+)([^)\s]*)(?=\))')


def setup(app: Any) -> None:
    """Read pages and links as the site needs them."""
    app.connect('source-read', read_source)


def read_source(app: Any, name: str, content: list[str]) -> None:
    """Put the file that a page stands for in its place, and adapt the links."""
    docs = Path(app.srcdir)
    if not (docs.parent / 'package.xml').is_file():
        return  # a copy made by rosdoc2, without the files around it
    stands_for = {
        (page.parent / LINK.search(page.read_text())[1]).resolve(): page
        for page in (docs / 'pages').glob('*.md')
    }
    page = (docs / name).with_suffix('.md')
    source = next((file for file, stub in stands_for.items() if stub == page), page)
    text = source.read_text()

    def adapt(link: re.Match[str]) -> str:
        target = (source.parent / link[1]).resolve()
        target = stands_for.get(target, target)
        scheme = '' if target.is_relative_to(docs) else 'path:'
        return f'{scheme}{os.path.relpath(target, page.parent)}{link[2]}'

    content[0] = LINK.sub(adapt, text)
