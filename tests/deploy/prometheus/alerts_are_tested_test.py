"""Every alert of rules/alerts.yml has a test in which it fires and one in which it does not; the tests themselves are promtool's.

    python3 alerts_are_tested_test.py
"""
import pathlib
import re
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ALERTS = HERE.parents[2] / "deploy" / "prometheus" / "rules" / "alerts.yml"


class AlertsAreTestedTest(unittest.TestCase):
    def test_both_ways(self):
        alerts = set(re.findall(r"(?m)^ +- alert: (\w+)$", ALERTS.read_text()))
        tests = "".join(path.read_text() for path in HERE.glob("*_test.yml"))
        self.assertGreater(len(alerts), 10)
        self.assertEqual(set(re.findall(r"alertname: (\w+)\n +exp_alerts:\n +- exp_labels", tests)), alerts)
        self.assertEqual(set(re.findall(r"alertname: (\w+), exp_alerts: \[\]", tests)), alerts)


if __name__ == "__main__":
    unittest.main(verbosity=2)
