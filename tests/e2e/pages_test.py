"""Reports and dashboards in a real browser: what `bench-client` wrote, and made-up documents in the same page.

    python3 pages_test.py BIN_DIRECTORY
"""
import json
import os
import pathlib
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import unittest

import browser

browser.require()
import accessibility  # noqa: E402
import page_documents  # noqa: E402

BIN = pathlib.Path(sys.argv[1]).resolve()
_BLOCK = re.compile(r'(<script type="application/json" id="document">)(.*?)(</script>)', re.DOTALL)
WIDTHS = (380, 800, 1400)
# The fraction of a canvas's pixels that are not of its background.
_INK = """
const {width, height} = arguments[0], pixels = arguments[0].getContext("2d").getImageData(0, 0, width, height).data;
let ink = 0;
for (let at = 3; at < pixels.length; at += 4) ink += pixels[at] > 0;
return ink / (width * height);
"""


def setUpModule():
    global chromium, folder, recorded
    chromium = browser.Browser()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="metronome_pages_"))
    recorded = Recorded(folder)


def tearDownModule():
    chromium.close()
    shutil.rmtree(folder)


class Recorded:
    """Two runs of tiny models in a database, with the pages that bench-client makes of them."""

    def __init__(self, directory):
        self.directory = directory
        self.database = directory / "runs.db"
        self.environment = {**os.environ, "HOME": str(directory), "XDG_DATA_HOME": str(directory), "XDG_CACHE_HOME": str(directory)}
        for note in ("first", "second </script>"):
            self.client("run", "--models", "tiny-llama,tiny-qwen3", "--paths", "compiled,eager", "--iters", "9", "--decode-tokens", "6", "--note", note)
        self.report = directory / "r.html"
        self.client("report", "-o", str(self.report), "--explain", "tiny-llama")
        self.dashboard = directory / "d.html"
        self.client("dashboard", "-o", str(self.dashboard), "--pin", "2020-01-01 the beginning")

    def client(self, *arguments, expect=0):
        done = subprocess.run([BIN / "bench-client", *arguments, "--db", str(self.database)], env=self.environment, capture_output=True, text=True, timeout=120)
        if done.returncode != expect:
            raise AssertionError(f"{arguments}: {done.returncode}, {done.stderr}")
        return done

    def rows(self, query):
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def with_document(self, document, name):
        """The page with another document in it, escaped as the program does."""
        text = json.dumps(document, ensure_ascii=False)
        for character in "<>&\u2028\u2029":
            text = text.replace(character, f"\\u{ord(character):04x}")
        page = _BLOCK.sub(lambda match: match[1] + text + match[3], self.report.read_text())
        path = self.directory / f"{name}.html"
        path.write_text(page)
        return path


class PagesTest(unittest.TestCase):
    def open(self, path, state=""):
        chromium.open(f"file://{path}{'#' + state if state else ''}")
        self.addCleanup(self.check_quiet)

    def check_quiet(self):
        self.assertEqual(chromium.log(), [])
        foreign = [url for url in chromium.requests() if not url.startswith(("file://" + str(folder), "data:", "about:"))]
        self.assertEqual(foreign, [])

    def numbers(self, within="main"):
        """Values of all numbers by result, as the page keeps them."""
        shown = chromium.run("return [...document.querySelectorAll(`${arguments[0]} .number[data-value]`)].map((one) => [one.dataset.result, one.dataset.value])", within)
        return {(result, float(value)) for result, value in shown if re.fullmatch(r"-?[\d.e+-]+", value)}

    def draw_all(self):
        chromium.run("Plot.all()")
        return chromium.driver.find_elements("css selector", "main canvas")


class RecordedPagesTest(PagesTest):
    def test_a_report_has_the_numbers_of_the_database(self):
        self.open(recorded.report)
        rows = recorded.rows("SELECT ttft_ms, tpot_ms FROM results WHERE run_id = (SELECT max(run_id) FROM runs) ORDER BY result_id")

        shown = self.numbers("#measured")

        self.assertEqual(len(rows), 4)
        self.assertEqual(shown, {(str(index), value) for index, row in enumerate(rows) for value in row})

    def test_a_dashboard_has_the_numbers_of_the_database(self):
        self.open(recorded.dashboard)
        chromium.run("document.querySelectorAll('figure details').forEach((details) => { details.open = true; })")
        chromium.wait("document.querySelector('#history-ttft_ms table')")
        rows = recorded.rows("SELECT result_id, ttft_ms, tpot_ms FROM results WHERE model = 'tiny-llama'")

        chosen = chromium.run("return document.getElementById('curve').value")
        self.assertTrue(chosen.startswith("tiny-llama: "), chosen)
        for metric, place in (("ttft_ms", 1), ("tpot_ms", 2)):
            shown = dict(self.numbers(f"#history-{metric}"))
            self.assertEqual(set(shown), {str(row[0]) for row in rows})
            for row in rows:
                self.assertAlmostEqual(shown[str(row[0])] / row[place], 1, delta=1e-5)

    def test_a_report_compares_with_the_run_before(self):
        self.open(recorded.report)
        first = recorded.rows("SELECT min(run_id) FROM runs")[0][0]

        cards = chromium.run("return [...document.querySelectorAll('#answer .card')].map((card) => card.textContent)")

        self.assertEqual(len(cards), 2)
        for card in cards:
            self.assertIn(f"in run {first}", card)
            self.assertRegex(card, "as fast as (eager|compiled)")  # Whichever was slower.

    def test_explained_kernels_stand_under_the_roof(self):
        self.open(recorded.report)
        chromium.run("document.querySelector('#roofline details').open = true")
        chromium.wait("document.querySelector('#roofline table')")

        kernels = chromium.run("return [...document.querySelectorAll('#roofline tbody th')].map((name) => name.textContent)")

        self.assertIn("attention", kernels)

    def test_a_command_of_a_cell_runs_it_again(self):
        self.open(recorded.report, "cell=0")
        command = chromium.run("return document.querySelector('#cell code').textContent")
        self.assertTrue(command.startswith("bench-client run --models tiny-llama --paths compiled "), command)

        before = recorded.rows("SELECT count(*) FROM results")[0][0]
        copy = recorded.directory / "again.db"
        subprocess.run(f"{BIN}/{command} --db {copy}", shell=True, check=True, capture_output=True, env=recorded.environment, timeout=120)

        again = sqlite3.connect(copy).execute("SELECT model, path, iters, decode_tokens, prompt_tokens, plan_hash FROM results").fetchall()
        self.assertEqual(again, recorded.rows("SELECT model, path, iters, decode_tokens, prompt_tokens, plan_hash FROM results "
                                              "WHERE run_id = (SELECT max(run_id) FROM runs) ORDER BY result_id LIMIT 1"))
        self.assertEqual(recorded.rows("SELECT count(*) FROM results")[0][0], before)

    def test_a_title_and_a_picture(self):
        page, picture = recorded.directory / "titled.html", recorded.directory / "page.png"
        recorded.client("report", "-o", str(page), "--title", "A <title>", "--png", str(picture))

        data = picture.read_bytes()
        width, height = struct.unpack(">II", data[16:24])
        self.assertEqual((data[:8], width), (b"\x89PNG\r\n\x1a\n", 1280))
        self.assertGreater(height, 1000)
        self.open(page)
        self.assertEqual(chromium.run("return [document.title, document.querySelector('h1').textContent]"), ["A <title>"] * 2)

    def test_without_a_browser_the_page_is_written_and_the_picture_refused(self):
        page = recorded.directory / "alone.html"
        done = subprocess.run([BIN / "bench-client", "report", "-o", page, "--png", recorded.directory / "none.png", "--db", recorded.database],
                              env={**recorded.environment, "PATH": str(BIN)}, capture_output=True, text=True, timeout=60)

        self.assertEqual(done.returncode, 1)
        self.assertIn("no Chromium", done.stderr)
        self.assertTrue(page.exists())
        self.assertFalse((recorded.directory / "none.png").exists())

    def test_what_cannot_be_reported(self):
        self.assertIn("no run 'nonsense'", recorded.client("report", "nonsense", expect=1).stderr)
        self.assertIn("cannot write", recorded.client("report", "-o", str(recorded.directory / "no" / "where.html"), expect=1).stderr)
        self.assertIn("not a date", recorded.client("dashboard", "--pin", "yesterday all was well", expect=2).stderr)


class ReportTest(PagesTest):
    SECTIONS = ["answer", "validity", "measured", "latency", "budget", "trials", "scaling", "suite", "waterfall", "timeline", "roofline", "peers"]

    @classmethod
    def setUpClass(cls):
        cls.document = page_documents.report()
        cls.page = recorded.with_document(cls.document, "made")

    def test_every_section_is_drawn_and_has_its_tables(self):
        self.open(self.page)

        canvases = self.draw_all()

        self.assertEqual(chromium.run("return [...document.querySelectorAll('main > section')].map(({id}) => id)"), self.SECTIONS)
        self.assertGreater(len(canvases), 12)
        for canvas in canvases:
            self.assertGreater(chromium.run(_INK, canvas), 0.01, canvas.get_attribute("aria-label"))
        self.assertEqual(chromium.run("return document.querySelectorAll('figure:has(canvas) details').length"), len(canvases))

    def test_sections_without_data_are_not_there(self):
        document = {**self.document, "results": self.document["results"][:1], "answers": [], "explanations": [], "concerns": []}
        for name in ("timeline", "stages"):
            document["results"][0] = {key: value for key, value in document["results"][0].items() if key != name}
        self.open(recorded.with_document(document, "bare"))

        self.assertEqual(chromium.run("return [...document.querySelectorAll('main > section')].map(({id}) => id)"), ["validity", "measured", "latency"])

    def test_a_run_without_results_is_a_page(self):
        self.open(recorded.with_document({**self.document, "results": [], "answers": [], "explanations": [], "concerns": []}, "empty"))

        self.assertIn("0 results", chromium.run("return document.getElementById('measured').textContent"))

    def test_charts_have_the_numbers_of_their_results(self):
        self.open(self.page, "model=gemma3-1b")
        self.draw_all()

        data = chromium.run("return Plot.charts().map((chart) => chart.data.datasets[0].data)")

        medians = lambda metric: [result["cell"][metric]["median"] for result in self.document["results"] if result["model"] == "gemma3-1b"]  # noqa: E731
        self.assertEqual(data, [medians("ttft_ms"), medians("tpot_ms")])

    def test_failures_are_red_and_say_why(self):
        self.open(self.page)

        rows = chromium.run("return [...document.querySelectorAll('#measured tr.bad')].map((row) => [row.textContent, getComputedStyle(row.cells[0]).color])")

        self.assertEqual(len(rows), 2)
        self.assertIn("the weights need 61.1 GB and there are 24.6 GB", rows[0][0])
        self.assertIn("the kernel linear gave NaN", rows[1][0])
        self.assertEqual({color for _, color in rows}, {"rgb(179, 32, 27)"})

    def test_the_model_is_chosen_and_kept_in_the_address(self):
        self.open(self.page)
        chromium.run("const choice = document.getElementById('model'); choice.value = 'gemma3-1b'; choice.dispatchEvent(new Event('change'))")
        models = "return [...new Set([...document.querySelectorAll('#measured tbody th')].map((name) => name.textContent))]"
        self.assertEqual(chromium.run(models), ["gemma3-1b"])

        address = chromium.driver.current_url
        self.open(self.page, address.split("#")[1])

        self.assertEqual(chromium.run(models), ["gemma3-1b"])
        self.assertEqual(chromium.run("return document.getElementById('model').value"), "gemma3-1b")

    def test_paths_come_and_go(self):
        self.open(self.page)
        paths = "return [...new Set([...document.querySelectorAll('#measured tbody td:nth-child(2)')].map((name) => name.textContent))].sort()"
        self.assertEqual(chromium.run(paths), ["compiled", "eager", "graph"])

        chromium.run("document.querySelector(\"#paths input[value='graph']\").click(); document.querySelector(\"#paths input[value^='llama_cpp']\").click()")

        self.assertEqual(chromium.run(paths), ["compiled", "eager", "llama_cpp (external)"])
        chromium.run("document.querySelectorAll('#paths input:checked').forEach((box) => box.click())")
        self.assertEqual(chromium.run(paths), [])

    def test_a_path_has_one_colour_everywhere(self):
        self.open(self.page)
        self.draw_all()

        colors = chromium.run("""return Plot.charts().flatMap((chart) => chart.data.datasets.flatMap((dataset) => {
            const named = chart.config.type === "bar" && chart.options.indexAxis === "y" && Array.isArray(dataset.backgroundColor);
            return named ? chart.data.labels.map((label, index) => [[label].flat()[0], dataset.backgroundColor[index]]) : [];
        }))""")

        seen = {}
        for path, color in colors:
            self.assertEqual(seen.setdefault(path, color), color)
        self.assertEqual(len(set(seen.values())), len(seen))
        self.assertGreaterEqual(len(seen), 3)

    def test_themes(self):
        background = "return getComputedStyle(document.body).backgroundColor"
        self.open(self.page)
        self.draw_all()
        light, bars = chromium.run(background), chromium.run("return Plot.charts()[0].data.datasets[0].backgroundColor[0]")
        chromium.run("document.getElementById('theme').click()")

        self.assertNotEqual(chromium.run(background), light)
        self.assertNotEqual(chromium.run("return Plot.charts()[0].data.datasets[0].backgroundColor[0]"), bars)
        self.assertIn("theme=dark", chromium.driver.current_url)
        chromium.prefer("dark")
        self.addCleanup(chromium.prefer, "light")
        self.open(self.page)
        self.assertNotEqual(chromium.run(background), light)

    def test_printing_is_light_and_whole(self):
        self.open(self.page, "theme=dark")
        chromium.run("dispatchEvent(new Event('beforeprint'))")

        self.assertEqual(chromium.run("return document.documentElement.dataset.theme"), "light")
        self.assertTrue(chromium.run("return Plot.charts().every((chart) => chart !== null)"))
        chromium.run("dispatchEvent(new Event('afterprint'))")
        self.assertEqual(chromium.run("return document.documentElement.dataset.theme"), "dark")

    def test_the_keyboard_opens_and_closes_a_cell(self):
        self.open(self.page)
        number = chromium.driver.find_element("css selector", "#measured .number[data-value]")
        number.send_keys("\ue007")  # Enter.
        chromium.wait("document.getElementById('cell').open")
        text = chromium.run("return document.getElementById('cell').textContent")
        self.assertIn(self.document["results"][0]["command"], text)
        self.assertIn("27d131cbd844ca05", text)
        self.assertIn("cell=0", chromium.driver.current_url)

        chromium.driver.switch_to.active_element.send_keys("\ue00c")  # Escape.

        chromium.wait("!document.getElementById('cell').open")
        self.assertNotIn("cell=", chromium.driver.current_url)

    def test_contents_lead_to_sections(self):
        self.open(self.page, "theme=dark")
        chromium.run("[...document.querySelectorAll('#contents a')].at(-1).click()")

        self.assertEqual(chromium.run("return document.activeElement.id"), "peers")
        self.assertIn("theme=dark", chromium.driver.current_url)

    def test_the_timeline_shows_the_result_that_is_chosen(self):
        self.open(self.page)
        chromium.run("const choice = document.getElementById('timeline-choice'); choice.value = '2'; choice.dispatchEvent(new Event('change'))")

        self.assertEqual(chromium.run("return document.querySelector('#timeline figure').id"), "timeline-2")
        self.assertIn("timeline=2", chromium.driver.current_url)


class DashboardTest(PagesTest):
    @classmethod
    def setUpClass(cls):
        cls.document = page_documents.dashboard()
        cls.page = recorded.with_document(cls.document, "history")

    def test_every_metric_has_its_chart(self):
        self.open(self.page)

        canvases = self.draw_all()

        self.assertEqual([canvas.find_element("xpath", "ancestor::figure").get_attribute("id") for canvas in canvases],
                         ["history-tpot_ms", "history-ttft_ms", "history-search_ms", "history-share"])
        for canvas in canvases:
            self.assertGreater(chromium.run(_INK, canvas), 0.005)

    def test_a_column_is_a_run(self):
        self.open(self.page, "host=bench-2")
        self.draw_all()

        labels, data = chromium.run("return [Plot.charts()[0].data.labels, Plot.charts()[0].data.datasets[0].data]")

        series = next(one for one in self.document["series"] if one["host"] == "bench-2")
        self.assertEqual(len(labels), len(series["run"]))
        self.assertEqual(data, series["tpot_ms"])

    def test_filters(self):
        self.open(self.page)
        runs = "return document.querySelectorAll('#history-tpot_ms tbody tr').length"
        chromium.run("document.querySelector('#history-tpot_ms details').open = true")
        chromium.wait("document.querySelector('#history-tpot_ms table')")
        everything = chromium.run(runs)

        chromium.run("const choice = document.getElementById('branch'); choice.value = 'attention'; choice.dispatchEvent(new Event('change'))")
        chromium.run("document.querySelector('#history-tpot_ms details').open = true")
        chromium.wait("document.querySelector('#history-tpot_ms table')")

        self.assertEqual(everything, 60)
        self.assertEqual(chromium.run(runs), 15)
        self.assertIn("branch=attention", chromium.driver.current_url)

    def test_changes_name_both_runs(self):
        self.open(self.page, "model=model-1")

        first = chromium.run("return [...document.querySelector('#changes tbody tr').cells].map((cell) => cell.textContent)")
        titles = chromium.run("return [...document.querySelectorAll('#changes tbody tr:first-child .number')].map(({title}) => title)")

        self.assertEqual((first[0], first[3], first[4]), ("model-1", "TPOT", "better"))
        change = max((one for one in self.document["changes"] if self.document["series"][one["series"]]["model"] == "model-1"), key=lambda one: one["after_run"])
        self.assertEqual(titles, [self.document["runs"][change[place]]["run_id"] for place in ("before_run", "after_run")])

    def test_events_are_in_the_table(self):
        self.open(self.page)
        chromium.run("document.querySelector('#history-tpot_ms details').open = true")
        chromium.wait("document.querySelector('#history-tpot_ms table')")

        text = chromium.run("return document.querySelector('#history-tpot_ms table').textContent")

        self.assertIn("a new driver", text)
        self.assertIn("memory was replaced", text)
        self.assertRegex(text, r"compiled · bench-1: [\d.]+ ms to [\d.]+ ms")

    def test_a_point_opens_its_run(self):
        self.open(self.page)
        chromium.run("document.querySelector('#latest .number').click()")

        text = chromium.run("return document.getElementById('cell').textContent")

        self.assertIn("bench-client report 20261120T", text)
        self.assertIn("27d131cbd844ca05" if "27d131cbd844ca05" in text else "9a71f1cbd844ca05", text)

    def test_an_empty_history_is_a_page(self):
        self.open(recorded.with_document(page_documents.dashboard(runs=0, models=0) | {"series": []}, "nothing"))

        self.assertIn("0 runs", chromium.run("return document.getElementById('head').textContent"))

    def test_a_thousand_runs_open(self):
        page = recorded.with_document(page_documents.dashboard(runs=1000, models=12), "thousand")

        self.open(page)

        self.assertLess(page.stat().st_size, 10_000_000)
        self.draw_all()
        self.assertEqual(chromium.run("return Plot.charts()[0].data.labels.length"), 1000)


class HostileNamesTest(PagesTest):
    def check_text(self):
        self.assertIsNone(chromium.run("return document.body.dataset.broken ?? null"))
        self.assertEqual(chromium.run("return document.querySelectorAll('img, iframe, object, embed, main script, dialog script').length"), 0)
        self.assertIsNone(chromium.run("return ({}).broken ?? null"))

    def test_a_report_shows_them_as_text(self):
        self.open(recorded.with_document(page_documents.hostile_report(), "hostile"))
        self.draw_all()

        self.check_text()
        names = set(chromium.run("return [...document.querySelectorAll('#measured tbody th')].map((name) => name.textContent)"))
        chromium.run("document.querySelectorAll('#paths input:not(:checked)').forEach((box) => box.click())")
        names |= set(chromium.run("return [...document.querySelectorAll('#measured tbody th')].map((name) => name.textContent)"))
        self.assertEqual(names, set(page_documents.HOSTILE))
        for index in range(len(page_documents.HOSTILE)):
            chromium.run("Cell.open({...arguments[0]})", {**page_documents.hostile_report()["results"][index], "index": index})
            self.assertIn(page_documents.HOSTILE[index], chromium.run("const text = document.getElementById('cell').textContent; document.getElementById('cell').close(); return text"))
        self.check_text()

    def test_a_dashboard_shows_them_as_text(self):
        self.open(recorded.with_document(page_documents.dashboard(hostile=True), "hostile_history"))
        chromium.run("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
        self.draw_all()

        self.check_text()
        options = chromium.run("return [...document.querySelectorAll('#branch option')].map(({value}) => value)")
        self.assertTrue(set(page_documents.HOSTILE) <= set(options) | {""})
        chromium.run("document.querySelectorAll('#latest .number').forEach((number) => { number.click(); document.getElementById('cell').close(); })")
        self.check_text()

    def test_addresses_are_no_way_in(self):
        hostile = "model=%3C/script%3E&paths=__proto__,%3Cimg%3E&cell=999&timeline=x&section=%22%3E&theme=blue"
        for document in (page_documents.report(), page_documents.dashboard()):
            self.open(recorded.with_document(document, "addressed"), hostile)
            self.check_text()

    def test_charts_draw_no_control_characters(self):
        self.open(recorded.with_document(page_documents.hostile_report(), "hostile"))

        for name in page_documents.HOSTILE:
            label = chromium.run("return Text.label(arguments[0])", name)
            self.assertLessEqual(len(label), 60)
            self.assertNotRegex(label, "[\u0000-\u001f\u202a-\u202e\u2066-\u2069\u200f]")


class EverybodyTest(PagesTest):
    PAGES = {"report": page_documents.report, "dashboard": page_documents.dashboard, "hostile": page_documents.hostile_report}

    def test_nothing_is_wider_than_the_window(self):
        self.addCleanup(chromium.resize, 1400)
        for name, make in self.PAGES.items():
            page = recorded.with_document(make(), name)
            for width in WIDTHS:
                chromium.resize(width)
                self.open(page)
                self.draw_all()
                self.assertLessEqual(chromium.run("return document.documentElement.scrollWidth"), width, name)

    def test_no_barriers(self):
        for name, make in self.PAGES.items():
            page = recorded.with_document(make(), name)
            for state in ("theme=light", "theme=dark", "theme=dark&cell=0"):
                self.open(page, state)
                self.assertEqual(accessibility.findings(chromium), [], (name, state))

    def test_the_check_finds_barriers(self):
        self.open(recorded.with_document(page_documents.report(), "barriers"))
        chromium.run("""document.querySelector("main p").style.color = "#bbbbbb";
                        document.querySelector("canvas").removeAttribute("aria-label");
                        document.getElementById("main").append(document.createElement("button"));""")

        found = " ".join(accessibility.findings(chromium))

        self.assertIn("contrast", found)
        self.assertEqual(found.count("no name: <canvas"), 1)
        self.assertEqual(found.count("no name: <button"), 1)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[2:]])
