"""The alert rules and the dashboard speak of metrics that there are, and every alert has its section."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from gateway import metrics

ROOT = Path(__file__).resolve().parents[2]
RULES = [
    rule for group in yaml.safe_load((ROOT / "docker/prometheus/rules.yaml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARD = json.loads((ROOT / "docker/grafana/routeplex.json").read_text())
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}


def samples(folder):
    """The names that Prometheus sees."""
    families = [*metrics.REGISTRY.collect(), *metrics.Processes(folder).collect()]
    return {family.name + suffix for family in families for suffix in SUFFIXES.get(family.type, ("",))}


def expressions():
    yield from (rule["expr"] for rule in RULES)
    yield from (target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])


def test_every_expression_asks_for_metrics_that_there_are(tmp_path):
    asked = {name for expression in expressions() for name in re.findall(r"routeplex_\w+", expression)}
    assert asked, "there are some"
    assert asked <= samples(tmp_path)


def test_every_alert_has_its_section():
    text = (ROOT / "docs/operations.md").read_text()
    sections = set(re.findall(r"^### Alert (\w+)$", text, re.M))
    assert {rule["alert"] for rule in RULES} == sections
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/operations.md#alert-{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_panels_do_not_lie_on_one_another():
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]}
    assert len(places) == len(DASHBOARD["panels"]) == len({panel["id"] for panel in DASHBOARD["panels"]})
