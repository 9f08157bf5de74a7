"""Alerts and dashboard: each uses only published metrics, and passes its tests."""

import json
import re
import subprocess

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from kinfold.runtime.metrics import declarations as metrics
from kinfold.runtime.metrics.declarations import JOB_METRICS, STREAM_METRICS, Metric
from kinfold.runtime.metrics.values import MetricValues
from project import HOME

RULES = sorted((HOME / "conf" / "alerts").glob("*.yaml"))
TESTS = sorted((HOME / "conf" / "alerts" / "tests").glob("*.yaml"))
ALERTS = [
    rule
    for file in RULES
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((HOME / "conf" / "dashboards" / "kinfold.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
PUBLISHED = {metric.name: metric for metric in (*JOB_METRICS, *STREAM_METRICS)}
QUERIES = {
    **{rule["alert"]: rule["expr"] for rule in ALERTS},
    **{
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in PANELS
        for target in panel["targets"]
    },
}


def promtool(*arguments: object, stdin: str | None = None) -> str:
    """The output of promtool; skips the test if there is none and it cannot be fetched."""
    command = [str(HOME / "bin" / "promtool"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, input=stdin)
    if done.returncode == 69:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_uses_only_published_metrics(name):
    query = QUERIES[name]
    asked = set(re.findall(r"\bkinfold_\w+", query))
    assert asked
    assert asked <= set(PUBLISHED)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_selects_by_labels_that_its_metrics_have(name):
    for metric, selectors in re.findall(r"\b(kinfold_\w+)\{([^}]*)\}", QUERIES[name]):
        asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selectors))
        of_a_job = {"job_name"} if PUBLISHED[metric] in JOB_METRICS else set()
        assert asked <= {*PUBLISHED[metric].labels, *of_a_job}


def test_every_metric_is_in_the_dashboard_or_in_an_alert():
    asked = {name for query in QUERIES.values() for name in re.findall(r"\bkinfold_\w+", query)}
    detail = {
        "kinfold_job_last_run_timestamp_seconds",
        "kinfold_job_last_status",
        "kinfold_stream_batch_id",
        "kinfold_stream_rows_total",
    }
    assert set(PUBLISHED) - asked <= detail


def test_every_declared_metric_is_set_somewhere():
    declared = {name for name, value in vars(metrics).items() if isinstance(value, Metric)}
    code = "".join(path.read_text() for path in (HOME / "lib").rglob("*.py"))
    is_set = set(re.findall(r"\.(?:set|add)\(\s*(?:metrics\.)?([A-Z_]+)\b", code))
    assert declared - is_set == set()
    assert len(declared) == len(PUBLISHED)


def test_no_label_contains_an_id_of_a_run_or_of_a_person():
    bounded = {
        *("name", "table", "rule", "stage", "source", "outcome", "leg", "percentile", "window"),
        *("phase", "topic", "partition", "operator"),
    }
    assert {label for metric in PUBLISHED.values() for label in metric.labels} <= bounded


@pytest.mark.parametrize("rule", ALERTS, ids=lambda r: r["alert"])
def test_an_alert_has_severity_summary_description_and_runbook(rule):
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    page, anchor = rule["annotations"]["runbook"].split("#")
    headings = re.findall(r"^#+ (.+)$", (HOME / page).read_text(), flags=re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


def test_the_tests_of_every_alert_show_it_firing_and_silent():
    cases: dict[str, set[bool]] = {}
    for file in TESTS:
        for test in yaml.safe_load(file.read_text())["tests"]:
            for case in test["alert_rule_test"]:
                cases.setdefault(case["alertname"], set()).add(bool(case.get("exp_alerts")))
    assert cases == {rule["alert"]: {True, False} for rule in ALERTS}


def test_the_rules_pass_their_tests():
    promtool("check", "rules", *RULES)
    promtool("test", "rules", *TESTS)


@pytest.mark.parametrize("published", [JOB_METRICS, STREAM_METRICS], ids=["jobs", "streams"])
def test_published_metrics_keep_the_conventions_of_prometheus(published):
    values = MetricValues()
    for metric in published:
        values.set(metric, 1, **dict.fromkeys(metric.labels, "x"))

    class Published(Collector):
        def collect(self):
            return values.families()

    registry = CollectorRegistry()
    registry.register(Published())
    promtool("check", "metrics", stdin=generate_latest(registry).decode())


def test_every_query_of_the_dashboard_is_valid_promql(tmp_path):
    """As recording rules, because promtool checks only rules; Grafana's variables are replaced."""
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(QUERIES.values())
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    assert f"{len(QUERIES)} rules found" in promtool("check", "rules", file)


def test_the_dashboard_works_with_any_prometheus_and_its_panels_do_not_overlap():
    variables = {v["name"]: v["type"] for v in DASHBOARD["templating"]["list"]}
    assert variables["datasource"] == "datasource"
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in PANELS)
    occupied: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & occupied, panel["title"]
        assert max(x for x, _ in cells) < 24
        occupied |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
