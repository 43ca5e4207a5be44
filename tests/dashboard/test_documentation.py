"""The documentation is at /docs, where it was built; nothing else of the disk is."""

from __future__ import annotations

import pytest


@pytest.fixture
def built(tmp_path, settings):
    settings.DOCS_DIR = str(tmp_path / "docs")
    (tmp_path / "docs" / "_static").mkdir(parents=True)
    (tmp_path / "docs" / "index.html").write_text("<title>RoutePlex</title>")
    (tmp_path / "docs" / "_static" / "furo.css").write_text("body {}")
    (tmp_path / "secret.txt").write_text("no")


def test_pages_are_served_to_everybody(built, client):
    assert client.get("/docs/index.html").getvalue() == b"<title>RoutePlex</title>"
    assert client.get("/docs/_static/furo.css")["Content-Type"].startswith("text/css")
    assert client.get("/docs", follow=True).redirect_chain == [("/docs/index.html", 302)]
    assert client.post("/docs/index.html").status_code == 405
    assert not client.cookies


@pytest.mark.parametrize(
    "path", ["../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "/etc/hostname", "_static", "none.html"]
)
@pytest.mark.django_db
def test_nothing_else_is(built, client, path):
    assert client.get(f"/docs/{path}").status_code in (302, 404)


@pytest.mark.django_db
def test_where_it_is_not_built_that_is_said(client, settings, tmp_path):
    settings.DOCS_DIR = str(tmp_path)
    answer = client.get("/docs/index.html")
    assert answer.status_code == 404 and b"bin/docs" in answer.content
