"""Grafana's dashboards: what is committed is what is described, keeps to the schema of the Grafana that compose.yml pins, and hangs together.

    python3 dashboards_test.py
"""
import copy
import json
import pathlib
import re
import subprocess
import sys
import unittest

import dashboard_schema

GRAFANA = pathlib.Path(__file__).resolve().parents[3] / "deploy" / "grafana"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(GRAFANA.glob("*/*.json"))}
# Variables of Grafana's own.
GIVEN = {"__rate_interval", "__from", "__to", "__range", "__interval"}


def queries(dashboard):
    """(where, text) of all that Grafana asks a data source."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield f"{dashboard['title']}: {panel['title']}", target.get("expr") or target["queryText"]
    for annotation in dashboard["annotations"]["list"]:
        yield f"{dashboard['title']}: {annotation['name']}", annotation["expr"]


class DashboardsTest(unittest.TestCase):
    def test_are_those_described(self):
        checked = subprocess.run([sys.executable, "-B", GRAFANA / "dashboards.py", "--check"], capture_output=True, text=True, timeout=60)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))
        self.assertEqual(sorted(DASHBOARDS), ["benchmarks", "gpu", "runs", "service"])

    def test_keep_to_the_schema_of_the_pinned_grafana(self):
        release = re.search(r"image: grafana/grafana:(\d+\.\d+)\.\d+\n", (GRAFANA / "compose.yml").read_text())[1]
        for name, dashboard in DASHBOARDS.items():
            self.assertEqual(dashboard["schemaVersion"], dashboard_schema.SCHEMA_VERSIONS[release], name)
            self.assertEqual(dashboard_schema.faults(dashboard), [], name)

    def test_faults_are_found(self):
        """The check itself: each kind of damage is told, with its place."""
        def damage(change):
            broken = copy.deepcopy(DASHBOARDS["service"])
            panel = next(panel for panel in broken["panels"] if panel["type"] == "timeseries")
            change(broken, panel)
            return dashboard_schema.faults(broken)

        for change, place in ((lambda d, p: d.pop("uid"), ".uid is missing"), (lambda d, p: d.update(colour="red"), ".colour is no field"),
                              (lambda d, p: p["gridPos"].update(w=25), "gridPos.w is 25"), (lambda d, p: p.update(type="graph"), "type is 'graph'"),
                              (lambda d, p: p["targets"][0].update(expr=7), "expr is 7, no str"),
                              (lambda d, p: p["options"]["legend"].pop("placement"), "legend.placement is missing"),
                              (lambda d, p: p["fieldConfig"]["defaults"].update(unit="seconds"), "unit is 'seconds'"),
                              (lambda d, p: p["fieldConfig"]["defaults"]["thresholds"]["steps"][0].update(value="1"), "value: '1'"),
                              (lambda d, p: p.update(targets={}), "targets is no list")):
            self.assertEqual([fault for fault in damage(change) if place in fault][:1], damage(change), place)

    def test_panels_do_not_overlap_and_have_names(self):
        uids = [dashboard["uid"] for dashboard in DASHBOARDS.values()]
        self.assertEqual(len(uids), len(set(uids)))
        for name, dashboard in DASHBOARDS.items():
            self.assertRegex(dashboard["uid"], r"^[a-zA-Z0-9_-]{8,40}$")
            panels = dashboard["panels"]
            self.assertEqual(len({panel["id"] for panel in panels}), len(panels), name)
            taken = set()
            for panel in panels:
                place = panel["gridPos"]
                cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
                self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
                self.assertFalse(cells & taken, panel["title"])
                taken |= cells
                self.assertTrue(panel["title"], name)
                if panel["type"] != "row":
                    self.assertTrue(panel["description"].endswith("."), panel["title"])
                    refs = [target["refId"] for target in panel["targets"]]
                    self.assertEqual(sorted(set(refs)), refs, panel["title"])

    def test_queries_name_only_variables_that_there_are(self):
        for dashboard in DASHBOARDS.values():
            known = {variable["name"] for variable in dashboard["templating"]["list"]}
            for where, text in queries(dashboard):
                self.assertLessEqual(set(re.findall(r"\$\{?(\w+)", text)), known | GIVEN, where)
            for panel in dashboard["panels"]:
                self.assertIn(panel.get("repeat", "datasource"), known | {"datasource"})

    def test_data_sources_are_those_provisioned(self):
        def uid(path):
            return re.findall(r"(?m)^    uid: (\S+)$", (GRAFANA / path).read_text())

        self.assertEqual(uid("sqlite/datasource.yml"), ["metronome-sqlite"])
        chosen = {variable["current"]["value"] for dashboard in DASHBOARDS.values() for variable in dashboard["templating"]["list"]
                  if variable["type"] == "datasource"}
        self.assertEqual(uid("provisioning/datasources/metronome.yml"), list(chosen))

    def test_compose_mounts_what_there_is(self):
        for file in ("compose.yml", "compose.sqlite.yml"):
            sources = re.findall(r"(?m)^      - (\.{1,2}/\S+?):", (GRAFANA / file).read_text())
            self.assertTrue(sources)
            for source in sources:
                self.assertTrue((GRAFANA / source).exists(), source)


if __name__ == "__main__":
    unittest.main(verbosity=2)
