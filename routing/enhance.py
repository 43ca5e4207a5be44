"""How can a vague prompt be asked more clearly? Locally, without a model, and always in the same way.

The caller's words stay as they are; what is added is a paragraph in the caller's own language that asks for the form in which
such a question is answered well (routing/enhancements.py: one entry for each kind). It adds no fact, no purpose and no limit.
A prompt stays untouched that is specific, that says itself how it wants to be answered, that has been enhanced already, or
whose language or kind there is no paragraph for.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from routing.chat import ChatBody, Message, TextPart, UserMessage
from routing.classify import classify_text
from routing.enhancements import ENHANCEMENTS, Paragraph
from routing.languages import language_of, programming_language_of
from routing.specificity import is_specific, length, says_its_form
from routing.types import ChatRequest, Enhancement

MOST_WORDS = 400  # a prompt of this length says what it wants

CODE_TYPES = frozenset({"code_generation", "code_debugging", "code_review", "code_algorithm"})

_ALL = frozenset(paragraph.text for of_kind in ENHANCEMENTS.values() for paragraph in of_kind.values())

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[dict[str, object]]).decode


def enhance(prompt: str) -> Enhancement:
    """What is made of a prompt; itself where there is nothing to add."""
    query_type = classify_text(prompt).query_type
    language = programming_language_of(prompt) if query_type in CODE_TYPES else None
    name = "" if _stays(prompt) else f"{query_type}.{language_of(prompt) or ''}"
    paragraph = paragraph_of(name)
    if paragraph is None:
        return Enhancement(original=prompt, text=prompt, query_type=query_type, language=language)
    text = _joined(prompt, paragraph)
    return Enhancement(original=prompt, text=text, query_type=query_type, language=language, paragraph=name)


def paragraph_of(name: str) -> Paragraph | None:
    """By kind and natural language, such as explanation.en."""
    kind, _, language = name.partition(".")
    return ENHANCEMENTS.get(kind, {}).get(language)


def enhanced(request: ChatRequest) -> ChatRequest:
    """The request with its last user message made clearer. One that asks for a form of answer itself (a schema, tools), or
    whose last user message is more than words, is sent as it is."""
    messages = request.body.messages
    at = next((at for at in reversed(range(len(messages))) if isinstance(messages[at], UserMessage)), None)
    text = None if at is None else _only_text(messages[at])
    made = enhance(text or "")
    if at is None or not made.applied or _has_form(request.body):
        return replace(request, enhancement=replace(made, text=made.original, paragraph=""))
    body = replace(request.body, messages=[*messages[:at], replace(messages[at], content=made.text), *messages[at + 1 :]])
    fields = {**request.fields, "messages": _with_content(request.fields["messages"], at, made.text)}
    return replace(request, enhancement=made, body=body, fields=fields, size=request.size + len(made.text) - len(made.original))


def _only_text(message: Message) -> str | None:
    if isinstance(message.content, str):
        return message.content
    match message.content:
        case [TextPart(text=text)]:
            return text
    return None


def _has_form(body: ChatBody) -> bool:
    return bool(body.response_format or body.tools or body.functions)


def _with_content(messages: Raw, at: int, text: str) -> Raw:
    """The caller's own messages; only that one's content is another."""
    sent = _decode(messages)
    sent[at]["content"] = text
    return Raw(_encode(sent))


def _stays(prompt: str) -> bool:
    words = length(prompt)
    return not words or words > MOST_WORDS or says_its_form(prompt) or is_specific(prompt) or any(text in prompt for text in _ALL)


def _joined(prompt: str, paragraph: Paragraph) -> str:
    """Where a text follows that is to be worked on, what is asked for it stands before, or it would be taken for a part of it."""
    return f"{paragraph.text}\n\n{prompt}" if paragraph.before else f"{prompt}\n\n{paragraph.text}"
