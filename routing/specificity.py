"""Does a prompt say what it wants? Signs that can be seen in its words, in the languages that prompts are enhanced in."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HAN = re.compile(r"[\u3400-\u9fff]")
SPECIFIC_WORDS = 30  # from here on a prompt can be specific by its own signs …
SPECIFIC_SIGNS = 2  # … of which it has so many

_SIGNS: Sequence[re.Pattern[str]] = [
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        r"\d",
        r"```|`[^`\n]+`",
        r"^\s*(?:[-*•]|\d+[.)])\s",  # a list
        r"[\"“„«「][^\"”“»」]{2,}[\"”“»」]",
        r"https?://|[\w-]+\.(?:py|js|ts|java|go|rs|md|csv|json|ya?ml|sql|txt)\b",
        r"\b(?:must|should|need(?:s)? to|exactly|at least|at most|no more than|without|except|instead of|avoid|ensure)\b",
        r"\b(?:muss|soll(?:te|en)?|genau|mindestens|höchstens|ohne|außer|statt|vermeide)\b",
        r"\b(?:doit|devrait|exactement|au moins|au plus|sans|sauf|évite)\b",
        r"\b(?:debe|debería|exactamente|al menos|como máximo|sin|excepto|evita)\b",
        r"必须|应该|至少|最多|不要|除了|确保",
        r"\b(?:because|since|given that|so that|for example|e\.g\.|weil|damit|zum Beispiel|parce que|par exemple|porque)\b|因为|例如",
        r"[.!?。！？]\s+\S.*[.!?。！？]",  # sentences
    )
]
# A prompt that says how it wants to be answered is not told otherwise.
_OWN_FORM = re.compile(
    r"\b(?:only|just|nothing else|json|xml|yaml|csv|markdown|table|bullet(?:s| points)?|one[- ]?word|one[- ]?sentence|step[- ]by[- ]step"
    r"|in (?:a|one|two|three|\d+) (?:words?|sentences?|lines?|paragraphs?|pages?)|yes or no|brief(?:ly)?|short(?:ly)?|concise(?:ly)?"
    r"|no explanations?|without (?:an? )?(?:explanation|comment|code)s?|format|in detail|detailed|tl;?dr|eli5|words|haiku|limerick"
    r"|nur|kurz|knapp|ausführlich|tabelle|stichpunkte?n?|schritt für schritt|ein(?:em)? (?:wort|satz)|ja oder nein|ohne erklärung"
    r"|seulement|uniquement|juste|bref|brièvement|en détail|tableau|étape par étape|un (?:mot|phrase)|oui ou non|sans explication"
    r"|solo|sólo|solamente|únicamente|breve(?:mente)?|en detalle|tabla|paso a paso|una (?:palabra|frase)|sí o no)\b"
    r"|只|仅|简短|简要|简洁|详细|表格|列表|一句话|一个词|一步一步|逐步|格式|不要解释|字以内",
    re.IGNORECASE,
)


def is_specific(prompt: str) -> bool:
    return length(prompt) >= SPECIFIC_WORDS and sum(bool(sign.search(prompt)) for sign in _SIGNS) >= SPECIFIC_SIGNS


def says_its_form(prompt: str) -> bool:
    return bool(_OWN_FORM.search(prompt))


def length(prompt: str) -> int:
    """In words; a language without spaces has about one for two of its characters."""
    return len(prompt.split()) + len(_HAN.findall(prompt)) // 2
