"""May a provider be sent to this address? We open none ourselves; but a server beside us, asked to look at a picture, would open
it from inside the operator's network."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from gateway.errors import BlockedUrl
from routing.chat import ChatBody, ImagePart, VideoPart


def insist_on_public(chat: ChatBody) -> None:
    """Raises BlockedUrl for an address of this machine or of a private network, written as such; names are not looked up."""
    for m, message in enumerate(chat.messages):
        if isinstance(message.content, list):
            for p, part in enumerate(message.content):
                url = _url_of(part)
                if url and _is_private(url):
                    where = f"messages[{m}].content[{p}]"
                    raise BlockedUrl(
                        "This URL leads into a private network. Send the picture itself as a data: URL.", param=where
                    )


def _url_of(part: object) -> str:
    match part:
        case ImagePart():
            return part.image_url.url
        case VideoPart():
            return part.video_url.url
        case _:
            return ""


def _is_private(url: str) -> bool:
    if url.startswith("data:"):
        return False
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False  # it leads nowhere, and the dialect says so
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
