"""Alarms and dashboard watch metrics that the function writes: src/render/metrics.rs is the source of their names."""

import json
import re

import module
import sides

SOURCE = module.ROOT / "src" / "render" / "metrics.rs"


def written():
    """Names of the metrics; each field of the struct is one, in the letter case that serde gives it."""
    text = SOURCE.read_text()
    struct = re.search(r'rename_all = "PascalCase"\)\]\npub struct Metrics \{\n(.*?)\n\}', text, re.DOTALL)[1]
    return {field.title().replace("_", "") for field in re.findall(r"pub (\w+):", struct)}


def test_own_metrics_are_the_functions():
    text = SOURCE.read_text()
    namespace = re.search(r'pub const NAMESPACE: &str = "(\w+)"', text)[1]
    dimension = re.search(r'pub const DIMENSION: &str = "(\w+)"', text)[1]
    forms, _ = sides.template("an e-mail address alone")
    own = {name: form for name, form in forms.items() if form.get("metric", [""])[0] == namespace}
    assert len(own) == 4
    for name, form in own.items():
        assert form["metric"][1] in written(), name
        assert form["dimensions"] == {dimension: "Function"}
    shown = [metric for widget in forms["LineDashboard"]["widgets"] for metric in widget["properties"]["metrics"]]
    assert {metric[1] for metric in shown if metric[0] == namespace} == written()
    assert {json.dumps(metric[2:]) for metric in shown if metric[0] == namespace} == {json.dumps([dimension, "Function"])}
