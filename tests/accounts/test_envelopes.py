"""Envelopes open for us, where they belong, as they were, and after a change of keys; otherwise not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.envelopes import Unreadable, current, rewrap, seal, unseal

OLD, NEW = "an-old-key-0123456789-0123456789-01", "a-new-key-0123456789-0123456789-01"


@given(st.binary(max_size=2000), st.text(max_size=50))
def test_what_is_sealed_opens_again(thing, about):
    envelope = seal(thing, about)
    assert unseal(envelope, about) == thing
    assert len(thing) < 8 or thing not in envelope
    assert seal(thing, about) != envelope, "two envelopes do not show that they hold the same"


@given(st.binary(max_size=200), st.data())
def test_nothing_opens_that_is_not_as_it_was(thing, data):
    envelope = bytearray(seal(thing, "here"))
    at = data.draw(st.integers(0, len(envelope) - 1))
    envelope[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unreadable):
        unseal(bytes(envelope), "here")


def test_nothing_opens_elsewhere():
    with pytest.raises(Unreadable):
        unseal(seal(b"thing", "Acme's"), "Charlie's")


def test_a_new_key_opens_what_was_sealed_under_the_old_one_while_it_is_known(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    envelope = seal(b"thing", "here")
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert unseal(envelope, "here") == b"thing" and not current(envelope)
    rewrapped = rewrap(envelope, "here")
    assert current(rewrapped)
    settings.ENCRYPTION_KEYS = [NEW]
    assert unseal(rewrapped, "here") == b"thing"
    with pytest.raises(Unreadable, match="not among ours"):
        unseal(envelope, "here")
    with pytest.raises(Unreadable):
        rewrap(envelope, "here")
