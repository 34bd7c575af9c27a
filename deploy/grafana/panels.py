"""The few kinds of panels that the dashboards are made of, as Grafana's dashboard JSON, schema version 41 (Grafana 11.6).

Schema: https://grafana.com/docs/grafana/v11.6/dashboards/build-dashboards/view-dashboard-json-model/
"""

SCHEMA_VERSION = 41
PROMETHEUS = {"type": "prometheus", "uid": "${datasource}"}
SQLITE = {"type": "frser-sqlite-datasource", "uid": "metronome-sqlite"}

# One colour for each path, wherever it is drawn; told apart by the colour-blind too (Okabe and Ito).
PATH_COLOURS = {"eager": "#E69F00", "compiled": "#0072B2", "graph": "#009E73", "hf_eager": "#CC79A7", "torch_compile": "#D55E00",
                "llama_cpp": "#56B4E9"}


class Query:
    """PromQL, and what its series are called. `instant`: only the newest value, as tables want it."""

    def __init__(self, expr, legend="", instant=False, form="time_series"):
        self.expr, self.legend, self.instant, self.form = expr, legend, instant, form

    def target(self, ref):
        return {"refId": ref, "datasource": PROMETHEUS, "editorMode": "code", "expr": self.expr, "legendFormat": self.legend or "__auto",
                "instant": self.instant, "range": not self.instant, "format": self.form}


class Sql:
    """A query of the daemon's SQLite file, for Grafana's plug-in frser-sqlite-datasource."""

    def __init__(self, text, time_columns=()):
        self.text, self.time_columns = " ".join(text.split()), list(time_columns)

    def target(self, ref):
        return {"refId": ref, "datasource": SQLITE, "queryText": self.text, "rawQueryText": self.text, "queryType": "table",
                "timeColumns": self.time_columns}


def panel(kind, title, description, queries, unit, width, height, options, custom=None, minimum=None, maximum=None, steps=None, overrides=(),
          colour="palette-classic", mappings=()):
    """A panel without its place. `steps`: colours and the values from which they hold, the first from minus infinity."""
    thresholds = [{"color": name, "value": value} for name, value in steps or [("green", None)]]
    defaults = {"unit": unit, "color": {"mode": colour}, "mappings": list(mappings), "thresholds": {"mode": "absolute", "steps": thresholds},
                "custom": custom or {}}
    for key, value in (("min", minimum), ("max", maximum)):
        if value is not None:
            defaults[key] = value
    source = SQLITE if isinstance(queries[0], Sql) else PROMETHEUS
    return {"type": kind, "title": title, "description": description, "datasource": source,
            "targets": [query.target(chr(ord("A") + i)) for i, query in enumerate(queries)],
            "fieldConfig": {"defaults": defaults, "overrides": list(overrides)}, "options": options,
            "gridPos": {"w": width, "h": height, "x": 0, "y": 0}}


def lines(title, description, queries, unit="short", width=12, height=8, limit=None, by_path=False, points=False, stacked=False, maximum=None,
          log=False):
    """Values over time. `limit`: a dashed line. `points`: values that stand for themselves, with steps between."""
    custom = {"drawStyle": "line", "lineInterpolation": "stepAfter" if points else "linear", "lineWidth": 1, "fillOpacity": 30 if stacked else 0,
              "showPoints": "always" if points else "never", "pointSize": 4, "spanNulls": points,
              "stacking": {"mode": "normal" if stacked else "none", "group": "A"}, "axisPlacement": "auto", "axisLabel": "",
              "scaleDistribution": {"type": "log", "log": 2} if log else {"type": "linear"},
              "thresholdsStyle": {"mode": "off" if limit is None else "dashed"}}
    steps = None if limit is None else [("transparent", None), ("red", limit)]
    overrides = [{"matcher": {"id": "byRegexp", "options": f"/ {path}( |$)/"},
                  "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}]} for path, colour in PATH_COLOURS.items()]
    options = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, description, queries, unit, width, height, options, custom, None if log else 0, maximum, steps,
                 overrides if by_path else ())


def heatmap(title, description, query, width=12, height=8):
    """Seconds over time, by the buckets of a histogram."""
    options = {"calculate": False, "cellGap": 1, "cellValues": {"unit": "short"}, "filterValues": {"le": 1e-9}, "legend": {"show": True},
               "color": {"mode": "scheme", "scheme": "Oranges", "scale": "exponential", "exponent": 0.5, "steps": 64, "reverse": False,
                         "fill": "dark-orange"},
               "exemplars": {"color": "rgba(255,0,255,0.7)"}, "rowsFrame": {"layout": "auto"},
               "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": True},
               "yAxis": {"axisPlacement": "left", "reverse": False, "unit": "s"}}
    query.form = "heatmap"
    query.legend = "{{le}}"
    return panel("heatmap", title, description, [query], "short", width, height, options,
                 {"hideFrom": {"legend": False, "tooltip": False, "viz": False}, "scaleDistribution": {"type": "linear"}})


def number(title, description, query, unit="short", width=3, height=4, steps=None):
    """The newest value, large."""
    options = {"reduceOptions": {"values": False, "calcs": ["lastNotNull"], "fields": ""}, "colorMode": "value", "graphMode": "area",
               "justifyMode": "auto", "orientation": "auto", "textMode": "auto", "wideLayout": True, "percentChangeColorMode": "standard",
               "showPercentChange": False}
    return panel("stat", title, description, [query], unit, width, height, options, steps=steps, colour="thresholds")


def states(title, description, query, words, width=24, height=6):
    """Series that are 0 or 1, as bars over time. `words`: text and colour of each."""
    mapping = {"type": "value", "options": {str(i): {"text": text, "color": colour, "index": i} for i, (text, colour) in enumerate(words)}}
    options = {"mergeValues": True, "showValue": "never", "alignValue": "left", "rowHeight": 0.9,
               "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}, "tooltip": {"mode": "single", "sort": "none"}}
    return panel("state-timeline", title, description, [query], "short", width, height, options, {"lineWidth": 0, "fillOpacity": 80},
                 mappings=[mapping])


def table(title, description, columns, hidden=(), width=24, height=9):
    """A row a series. `columns`: (query, heading, unit); series of different queries with equal labels share a row."""
    queries = [query for query, _, _ in columns]
    for query in queries:
        query.instant, query.form = True, "table"
    names = ["Value"] if len(columns) == 1 else [f"Value #{chr(ord('A') + i)}" for i in range(len(columns))]
    overrides = [{"matcher": {"id": "byName", "options": heading}, "properties": [{"id": "unit", "value": unit}]} for _, heading, unit in columns]
    transformations = [{"id": "merge", "options": {}},
                       {"id": "organize", "options": {"excludeByName": {name: True for name in ("Time", "__name__", "job", *hidden)},
                                                      "indexByName": {},
                                                      "renameByName": {name: heading for name, (_, heading, _) in zip(names, columns)}}}]
    result = panel("table", title, description, queries, "short", width, height, table_options(), {"align": "auto", "cellOptions": {"type": "auto"}},
                   overrides=overrides)
    result["transformations"] = transformations
    return result


def table_options():
    return {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""}}


def sql_table(title, description, query, units=(), width=24, height=14):
    overrides = [{"matcher": {"id": "byName", "options": column}, "properties": [{"id": "unit", "value": unit}]} for column, unit in units]
    return panel("table", title, description, [query], "short", width, height, table_options(),
                 {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True}, overrides=overrides)


def choice(name, label, query):
    """A variable whose values Prometheus knows; all of them until one is chosen."""
    return {"type": "query", "name": name, "label": label, "datasource": PROMETHEUS, "definition": query,
            "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"}, "refresh": 2, "regex": "", "sort": 1,
            "multi": True, "includeAll": True, "allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]}, "options": [], "hide": 0}


SOURCE = {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus", "regex": "", "refresh": 1, "multi": False,
          "includeAll": False, "current": {"text": "Prometheus", "value": "metronome-prometheus"}, "options": [], "hide": 0}


def annotation(name, expr, colour, title):
    """Marks the times at which the query is above 0."""
    return {"name": name, "datasource": PROMETHEUS, "enable": True, "hide": False, "iconColor": colour, "expr": expr, "step": "60s",
            "titleFormat": title, "textFormat": "", "tagKeys": "model,path", "useValueForTime": False}


def row(title, repeat=None):
    result = {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": 24, "h": 1, "x": 0, "y": 0}}
    if repeat is not None:
        result["repeat"] = repeat
    return result


def dashboard(uid, title, description, choices, panels, annotations=(), window="now-1h", refresh="10s", needs_prometheus=True):
    """Panels in reading order, as many side by side as fit into 24 columns."""
    x = y = tallest = 0
    for identity, each in enumerate(panels, 1):
        place = each["gridPos"]
        if x + place["w"] > 24 or each["type"] == "row":
            x, y, tallest = 0, y + tallest, 0
        place.update(x=x, y=y)
        x, tallest = x + place["w"], max(tallest, place["h"])
        each["id"] = identity
    return {"uid": uid, "title": title, "description": description, "tags": ["metronome"], "schemaVersion": SCHEMA_VERSION, "version": 1,
            "editable": True, "graphTooltip": 1, "timezone": "browser", "fiscalYearStartMonth": 0, "refresh": refresh,
            "time": {"from": window, "to": "now"}, "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m", "15m", "1h"]},
            "templating": {"list": ([SOURCE] if needs_prometheus else []) + list(choices)}, "annotations": {"list": list(annotations)},
            "links": [{"title": "Metronome", "type": "dashboards", "tags": ["metronome"], "icon": "external link", "tooltip": "", "url": "",
                       "asDropdown": False, "includeVars": True, "keepTime": True, "targetBlank": False}],
            "panels": panels}
