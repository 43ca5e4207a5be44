"""bin/dev, as a newcomer starts it."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import openai
import pytest

from tests.conftest import _free_port

pytestmark = pytest.mark.timeout(150)


@contextmanager
def running(state: Path, port: int, **more: str):
    keep = ("PATH", "HOME", "LANG")
    env = {k: v for k, v in os.environ.items() if k in keep} | {"VAR_DIR": str(state), "PORT": str(port), **more}
    process = subprocess.Popen([sys.executable, "-m", "dev"], env=env, stdout=subprocess.PIPE, text=True)
    try:
        greeting = ""
        for line in process.stdout:
            greeting += line
            if "Ctrl-C stops everything" in line:
                break
        assert "RoutePlex is up" in greeting
        yield process, json.loads((state / "demo.json").read_text()), greeting
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(40)


def left_behind(state: Path) -> list[str]:
    """Commands of processes that still run from this state."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"VAR_DIR={state}\0".encode() in (entry / "environ").read_bytes():
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found


def answered(demo) -> str:
    with openai.OpenAI(base_url=demo["base_url"], api_key=demo["api_key"]) as client:
        messages = [{"role": "user", "content": "Why is the sky blue?"}]
        return client.chat.completions.create(model="routeplex-ai", messages=messages).choices[0].message.content


def test_from_start_to_stop_and_again(tmp_path):
    port, state = _free_port(), tmp_path / "var"
    with running(state, port) as (process, demo, greeting):
        assert demo["base_url"] == f"http://127.0.0.1:{port}/v1"
        assert demo["api_key"] in greeting
        assert demo["password"] in greeting
        assert "sandbox" in answered(demo)
        curl = greeting[greeting.index("curl ") : greeting.index("}'") + 2]
        assert pasted(curl)["choices"][0]["message"]["content"]
        assert "[sandbox" in readme_s_first_request(tmp_path)
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 0
    assert left_behind(state) == []
    with running(state, port) as (_, again, _):
        assert again == demo, "a second start reuses the state"
        assert answered(again)
    assert left_behind(state) == []


def pasted(curl: str) -> dict:
    """What the command of the greeting is answered, without needing curl."""
    words = shlex.split(curl.replace("\\\n", " "))
    headers = dict(word.split(": ", 1) for before, word in itertools.pairwise(words) if before == "-H")
    return httpx.post(words[1], headers=headers, content=words[words.index("-d") + 1], timeout=30).raise_for_status().json()


def readme_s_first_request(folder: Path) -> str:
    """What the README's Python prints, run where `var/` is."""
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
    code = readme.split("```python\n")[1].split("```")[0]
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def test_two_side_by_side_and_a_second_start_of_the_same(tmp_path):
    with running(tmp_path / "a", _free_port()) as (_, one, _), running(tmp_path / "b", _free_port()) as (_, two, _):
        assert one["api_key"] != two["api_key"]
        assert answered(one)
        assert answered(two)
        env = {**os.environ, "VAR_DIR": str(tmp_path / "a"), "PORT": str(_free_port())}
        third = subprocess.run([sys.executable, "-m", "dev"], env=env, capture_output=True, text=True, check=False)
        assert third.returncode == 1
        assert "already runs" in third.stderr


def test_the_supervisor_s_own_death_takes_everything_with_it(tmp_path):
    with running(tmp_path, _free_port()) as (process, _, _):
        process.kill()
        process.wait()
        end = time.monotonic() + 20
        while time.monotonic() < end and left_behind(tmp_path):
            time.sleep(0.2)
        assert left_behind(tmp_path) == []


@pytest.mark.parametrize("port", ["eighty", "0", "99999"])
def test_a_port_that_is_none(tmp_path, port):
    env = {**os.environ, "VAR_DIR": str(tmp_path), "PORT": port}
    done = subprocess.run([sys.executable, "-m", "dev"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"PORT='{port}'" in done.stderr
