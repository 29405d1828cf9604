"""Languages by their BCP 47 tags."""

from __future__ import annotations

import re
from collections.abc import Collection


def primary_language(tag: str) -> str:
    """Return the language of a BCP 47 tag in lower case, without script and region.

    Args:
        tag: such as "en", "de-AT" or "pt_BR"; empty or "auto" when unknown, which gives an empty
            result.
    """
    language = re.split('[-_]', tag.strip())[0].lower()
    return '' if language == 'auto' else language


def primary_languages(tags: str) -> tuple[str, ...]:
    """Return the languages of BCP 47 tags that are separated by commas."""
    return tuple(primary_language(tag) for tag in tags.split(',') if tag.strip())


def is_known(tag: str, languages: Collection[str]) -> bool:
    """Return whether words in a language are for a model of these languages.

    A model that lists no language takes all, and words of unknown language are for any model.

    Args:
        tag: of the words; empty when unknown.
        languages: BCP 47 tags of the model, without script and region.
    """
    language = primary_language(tag)
    return not languages or not language or language in languages
