"""A headless Chromium that a test drives. Where it or Selenium is not installed, the program ends with 77, which ctest takes for skipped."""
import json
import shutil
import sys

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
except ImportError:
    webdriver = None

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SKIPPED = 77


def require():
    """To be called before the tests of a program that needs a browser."""
    missing = [name for name, there in (("python3-selenium", webdriver), ("chromium", CHROMIUM), ("chromium-driver", DRIVER)) if not there]
    if missing:
        print("skipped: not installed: " + ", ".join(missing))
        sys.exit(SKIPPED)


class Browser:
    """One browser for many pages. `log` has what a page said on its console and `requests` what it asked for, since it was opened."""

    def __init__(self):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--hide-scrollbars",
                     "--force-device-scale-factor=1", "--no-proxy-server"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        self.driver.set_script_timeout(60)
        self.resize(1400)

    def close(self):
        self.driver.quit()

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def resize(self, width, height=900):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, theme):
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])

    def open(self, url):
        """Opens a page anew, also where only the hash differs, and waits until it is drawn."""
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(url)
        self.wait("document.documentElement.dataset.drawn !== undefined")

    def wait(self, condition):
        """Until an expression of JavaScript is true; the browser looks at it at each frame."""
        self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1], end = performance.now() + 30000;"
            "(function look() {"
            "  if (" + condition + ") done(true);"
            "  else if (performance.now() > end) done(false);"
            "  else setTimeout(look, 10);"
            "})();") or self._fail(condition)

    def _fail(self, condition):
        raise AssertionError(f"never true: {condition}; console: {self.log()}")

    def log(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self):
        """The addresses of everything that was asked for."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
