"""Which language is a prompt in, and which programming language is it about? Few words, counted; None where they say nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping

Language = str  # ISO 639-1

# Words that one language has and its neighbours have not, with the verbs that prompts begin with.
_WORDS: Mapping[Language, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the and of to is are was what how why which who when where with for from this that these my your you it an explain"
        " write compare implement design generate improve refactor prove create"
        " make give tell list find fix sort solve summarize summarise translate extract classify plan review"
        " build help calculate analyze analyse describe does do can could should between about into",
        "de": "der die das und ist sind nicht ein eine einen mit für von zu auf wie was warum wer wann wo ich du mir mich mein"
        " meine erkläre erklär schreibe schreib vergleiche erstelle gib zeige übersetze fasse zusammen berechne plane den dem im"
        " zwischen über bitte kannst finde sortiere löse prüfe",
        "fr": "le la les et est sont une des du pour avec dans sur que qui quoi comment pourquoi quand où je tu mon ma mes moi"
        " explique écris compare crée donne traduis résume calcule planifie entre ce cette quelle quel trouve corrige s'il"
        " sa ses au aux indique montre de en",
        "es": "el los las y es son una del para con por qué cómo cuándo dónde quién mi tu yo me explica escribe compara crea dame"
        " traduce resume calcula planifica entre este esta cuál encuentra corrige haz favor de lo que"
        " en se di da desde hasta donde indica muestra",
        # seen, so that they are not taken for one of the others
        "it": "il gli è sono una della per con che chi come perché quando dove spiega scrivi confronta traduci",
        "pt": "o os as são uma dos das com por que como quando onde explique escreva compare traduza você não",
        "nl": "het een en van is zijn niet met voor op hoe wat waarom wie wanneer ik je mijn leg schrijf vergelijk maak vertaal",
        "pl": "i jest są nie z na do jak co dlaczego kto kiedy gdzie napisz wyjaśnij porównaj przetłumacz się",
        "sv": "och är inte en ett med för av att hur vad varför vem när jag du min skriv förklara jämför",
    }.items()
}
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_HAN = re.compile(r"[\u3400-\u9fff]")
_NOT_LATIN = re.compile(r"[\u0370-\u1fff\u3040-\u30ff\uac00-\ud7af]")  # Greek to Georgian, kana, Hangul

_PROGRAMMING: Mapping[str, re.Pattern[str]] = {
    name: re.compile(rf"(?<![\w.+#-])(?:{words})(?![\w+#-])", re.IGNORECASE)
    for name, words in {
        "python": "python3?|django|flask|pandas|numpy|pytest",
        "typescript": "typescript|tsx",
        "javascript": "javascript|node\\.?js|react|vue|jquery",
        "java": "java|spring boot",
        "kotlin": "kotlin",
        "c++": r"c\+\+|cpp",
        "c#": r"c#|csharp|\.net|dotnet",
        "go": "golang",
        "rust": "rust|cargo",
        "ruby": "ruby|rails",
        "php": "php|laravel",
        "swift": "swiftui|swift",
        "sql": "sql|postgresql|postgres|mysql|sqlite",
        "bash": "bash|shell script|zsh",
        "html": "html",
        "css": "css",
        "r": "rstudio|ggplot2|dplyr",
        "scala": "scala",
    }.items()
}


def language_of(text: str) -> Language | None:
    """The one that most of its tell-tale words belong to; None where none does or two do equally."""
    if _NOT_LATIN.search(text):
        return None
    words = [word.lower() for word in _WORD.findall(text)]
    if len(_HAN.findall(text)) >= 2:
        return "zh"
    counts = {name: sum(word in known for word in words) for name, known in _WORDS.items()}
    first, second = sorted(counts, key=counts.__getitem__, reverse=True)[:2]
    return first if counts[first] > counts[second] else None


def programming_language_of(text: str) -> str | None:
    """The one that is named first."""
    found = [(match.start(), name) for name, pattern in _PROGRAMMING.items() if (match := pattern.search(text))]
    return min(found)[1] if found else None
