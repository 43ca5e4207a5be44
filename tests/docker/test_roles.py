"""Each role of the image, by its exact command line, in the environment that the image and an operator give it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from tests.conftest import _free_port

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
PATIENCE_S = 50.0
BEHIND_A_PROXY = {"x-forwarded-proto": "https", "host": "gateway.example.com"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory, redis_url):
    """What docker/Dockerfile sets, and an operator's settings; secrets come from files."""
    folder = tmp_path_factory.mktemp("state")
    (folder / "var").mkdir()  # as the image has it
    image = dict(re.findall(r"(?:ENV|^) +?([A-Z_]+)=(\S+)", (DOCKER / "Dockerfile").read_text().split("\nFROM ")[-1], re.M))
    for name in ("SECRET_KEY", "KEY_PEPPER", "ENCRYPTION_KEY"):
        (folder / name).write_text("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + name)
    ours = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "SECRET_KEY_FILE": str(folder / "SECRET_KEY"),
        "KEY_PEPPER_FILE": str(folder / "KEY_PEPPER"),
        "ENCRYPTION_KEY_FILE": str(folder / "ENCRYPTION_KEY"),
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "REDIS_URL": redis_url,
        "ALLOWED_HOSTS": "gateway.example.com",
        "PUBLIC_URL": "https://gateway.example.com",
        "TRUST_PROXY": "1",
        "VAR_DIR": str(folder / "var"),
        "STATIC_ROOT": str(folder / "collected"),
        "HOST": "127.0.0.1",
        "METRICS_HOST": "127.0.0.1",
    }
    assert image["ROUTEPLEX_ENV"] == "production"
    env = image | ours
    for command in (["migrate"], ["manage", "collectstatic", "--noinput", "--verbosity", "0"]):
        subprocess.run([DOCKER / "start", *command], env=env, cwd="/", check=True, capture_output=True, timeout=PATIENCE_S)
    return env


@contextmanager
def role(name, env, **more):
    process = subprocess.Popen(
        [DOCKER / "start", name], env=env | more, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.stdout.close()


def get(url, **more):
    return httpx.get(url, timeout=PATIENCE_S, **more)


def until(true, process):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        assert process.poll() is None, process.stdout.read().decode()
        try:
            if true():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


@pytest.mark.parametrize("name", ["gateway", "web"])
def test_what_serves(environment, name):
    port = str(_free_port())
    url = f"http://127.0.0.1:{port}"
    with role(name, environment, PORT=port, DRAIN_LAG_S="0") as process:
        until(lambda: get(f"{url}/readyz").status_code == 200, process)
        healthy = subprocess.run(
            [sys.executable, DOCKER / "healthy"], env=environment | {"PORT": port}, check=False, timeout=PATIENCE_S
        )
        assert healthy.returncode == 0
        assert get(f"{url}/v1/models").status_code == 401
        page = get(f"{url}/sign-in", headers=BEHIND_A_PROXY)
        assert page.status_code == 200
        style = re.search(r'href="(/static/[^"]+\.css)"', page.text)
        assert style and get(url + style[1], headers=BEHIND_A_PROXY).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) in (0, -signal.SIGTERM)
    assert subprocess.run([sys.executable, DOCKER / "healthy"], env=environment | {"PORT": port}, check=False).returncode != 0


def test_recorder(environment):
    port = str(_free_port())
    with role("recorder", environment, METRICS_PORT=port) as process:
        until(lambda: "routeplex_journal_lag_seconds" in get(f"http://127.0.0.1:{port}/metrics").text, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


def test_worker_and_beat(environment):
    ping = [sys.executable, "-m", "celery", "-A", "gateway.celery", "inspect", "ping", "--timeout", "2"]

    def answers():
        return subprocess.run(ping, env=environment, cwd=ROOT, capture_output=True, check=False).returncode == 0

    with role("worker", environment) as worker, role("beat", environment) as beat:
        until(answers, worker)
        until(lambda: list(Path(environment["VAR_DIR"]).glob("celerybeat-schedule*")), beat)


def test_an_unknown_role_is_told_which_there_are(environment):
    told = subprocess.run([DOCKER / "start", "gatway"], env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "gateway, web, recorder, worker, beat, migrate" in told.stderr


# --- what cannot be run here: the files name roles, secrets and settings that exist


def settings_of_the_product():
    text = "".join((ROOT / "gateway" / name).read_text() for name in ("settings.py", "environment.py"))
    catalog = (ROOT / "routing" / "catalog.toml").read_text()
    return set(re.findall(r'"([A-Z][A-Z_]{3,})"', text + catalog))


def test_compose_starts_roles_and_sets_settings_that_exist():
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    ours = {name: service for name, service in compose["services"].items() if service["image"] == "routeplex"}
    assert set(ours) == {"migrate", "gateway", "recorder", "web", "worker", "beat"}
    for name, service in ours.items():
        assert service["command"] == [name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        assert service["deploy"]["resources"]["limits"]
        named = {setting.removesuffix("_FILE") for setting in service["environment"]} - {"PROCESSES"}
        assert named <= settings_of_the_product()
        assert set(service["secrets"]) <= set(compose["secrets"])


def test_every_secret_of_compose_is_made():
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    made = (DOCKER / "make-secrets").read_text()
    for secret in compose["secrets"]:
        assert secret.removesuffix("_api_key") in made


def test_make_secrets_keeps_what_is_there(tmp_path):
    script = tmp_path / "make-secrets"
    script.write_bytes((DOCKER / "make-secrets").read_bytes())
    script.chmod(0o755)
    subprocess.run([script], check=True, capture_output=True)
    before = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    subprocess.run([script], check=True, capture_output=True)
    assert {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()} == before
    assert len(before["secret_key"]) == 128 and before["postgres_password"] in before["database_url"]
    assert all(file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "secrets").iterdir())


def manifests():
    for path in sorted((DOCKER / "kubernetes" / "base").glob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from yaml.safe_load_all(path.read_text())


def test_kubernetes_manifests_start_roles_locked_down():
    roles = set()
    for manifest in manifests():
        if manifest["kind"] not in ("Deployment", "StatefulSet", "Job"):
            continue
        pod = manifest["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and pod["automountServiceAccountToken"] is False
        for container in (*pod["containers"], *pod.get("initContainers", ())):
            roles.add(*container["args"])
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["resources"]["limits"]["memory"]
    assert roles == {"migrate", "gateway", "recorder", "web", "worker", "beat"}


def test_a_pod_has_the_time_that_leaving_takes():
    (settings,) = [m["data"] for m in manifests() if m["kind"] == "ConfigMap"]
    for manifest in manifests():
        if manifest["metadata"]["name"] in ("gateway", "web") and manifest["kind"] in ("StatefulSet", "Deployment"):
            grace = manifest["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
            assert grace >= int(settings["DRAIN_LAG_S"]) + int(settings["DRAIN_GRACE_S"]) + 15 + 20


def test_kustomizations_name_files_and_objects_that_exist():
    base = DOCKER / "kubernetes" / "base"
    kustomization = yaml.safe_load((base / "kustomization.yaml").read_text())
    assert {*kustomization["resources"], "kustomization.yaml"} == {path.name for path in base.glob("*.yaml")}
    objects = {(m["kind"], m["metadata"]["name"]): m for m in manifests()}
    overlay = yaml.safe_load((DOCKER / "kubernetes" / "overlays" / "example" / "kustomization.yaml").read_text())
    for patch in overlay["patches"]:
        target = objects[patch["target"]["kind"], patch["target"]["name"]]
        for change in yaml.safe_load(patch["patch"]):
            place = target
            for step in change["path"].strip("/").split("/"):
                place = place[int(step) if step.isdigit() else step]
            assert place is not None


def test_no_file_of_the_image_is_missing():
    ignored = (ROOT / ".dockerignore").read_text()
    for source in re.findall(r"^COPY (?!--)(.+) \S+$", (DOCKER / "Dockerfile").read_text(), re.M):
        for path in source.split():
            assert os.path.exists(ROOT / path) and f"!{path}" in ignored.replace("!manage.py", "!manage.py\n")


def test_the_image_has_its_static_files_by_their_hashes(tmp_path):
    """The Dockerfile's own command: what it collects is what production asks for."""
    text = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")
    [line] = [line for line in text.splitlines() if "collectstatic" in line]
    [command] = [part.strip() for part in line.split("&&") if "collectstatic" in part]
    words = shlex.split(command)
    told = dict(word.split("=", 1) for word in words if "=" in word)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env = kept | told | {"VAR_DIR": str(tmp_path / "var"), "STATIC_ROOT": str(tmp_path / "collected")}
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput"], env=env, cwd=ROOT, check=True, capture_output=True
    )
    manifest = json.loads((tmp_path / "collected" / "staticfiles.json").read_text())["paths"]
    assert {"routeplex.css", "routeplex.js", "icons.svg", "charts.js"} <= manifest.keys()
