"""What a Grafana dashboard may hold, as far as ours do: the fields of the documented JSON model, their types and their values.

https://grafana.com/docs/grafana/v11.6/dashboards/build-dashboards/view-dashboard-json-model/; kinds of panels: ".../panels-visualizations/".
Fields that are not named here are faults: Grafana drops them without a word, and a panel is then not what it was meant to be.
"""
import numbers

# By minor release of Grafana.
SCHEMA_VERSIONS = {"11.6": 41}


class Each:
    """A list whose elements are all so."""

    def __init__(self, element):
        self.element = element


class Map:
    """An object with any keys, whose values are all so."""

    def __init__(self, value):
        self.value = value


class Kinds:
    """An object whose field `by` says which of these it is."""

    def __init__(self, by, **kinds):
        self.by, self.kinds = by, kinds


class Range:
    def __init__(self, least, most):
        self.least, self.most = least, most


ANY = object()
NUMBER = Range(float("-inf"), float("inf"))
COLUMNS, HEIGHT = Range(1, 24), Range(1, 60)
REDUCERS = {"lastNotNull", "mean", "max", "min", "sum"}
# A field whose name ends with "?" may be absent.
SOURCE = {"type": {"prometheus", "frser-sqlite-datasource"}, "uid": {"${datasource}", "metronome-sqlite"}}
TARGET = Kinds("format",
               **{name: {"refId": str, "datasource": SOURCE, "editorMode": {"code"}, "expr": str, "legendFormat": str, "instant": bool, "range": bool,
                         "format": {name}} for name in ("time_series", "heatmap", "table")},
               none={"refId": str, "datasource": SOURCE, "queryText": str, "rawQueryText": str, "queryType": {"table", "time series"},
                     "timeColumns": Each(str)})
THRESHOLDS = {"mode": {"absolute", "percentage"}, "steps": Each({"color": str, "value": (NUMBER, None)})}
COLOUR = {"mode": {"palette-classic", "thresholds", "fixed"}, "fixedColor?": str}
MAPPING = {"type": {"value"}, "options": Map({"text": str, "color": str, "index": NUMBER})}
UNITS = {"short", "s", "ms", "percentunit", "bytes", "reqps", "hertz", "celsius", "watt", "joule", "dateTimeAsIso"}
OVERRIDE = {"matcher": {"id": {"byName", "byRegexp"}, "options": str}, "properties": Each(Kinds(
    "id", unit={"id": {"unit"}, "value": UNITS}, color={"id": {"color"}, "value": COLOUR}))}
SCALE = {"type": {"linear", "log"}, "log?": {2, 10}}
LEGEND = {"displayMode": {"list", "table"}, "placement": {"bottom", "right"}, "showLegend": bool, "calcs?": Each(REDUCERS)}
TOOLTIP = {"mode": {"single", "multi"}, "sort": {"none", "asc", "desc"}}
TRANSFORMATION = Kinds("id", merge={"id": {"merge"}, "options": {}},
                       organize={"id": {"organize"}, "options": {"excludeByName": Map(bool), "indexByName": Map(NUMBER), "renameByName": Map(str)}})
GRID = {"w": COLUMNS, "h": HEIGHT, "x": Range(0, 23), "y": Range(0, 10000)}

OPTIONS = {
    "timeseries": {"legend": LEGEND, "tooltip": TOOLTIP},
    "heatmap": {"calculate": bool, "cellGap": NUMBER, "cellValues": {"unit": UNITS}, "filterValues": {"le": NUMBER}, "legend": {"show": bool},
                "color": {"mode": {"scheme"}, "scheme": str, "scale": {"exponential", "linear"}, "exponent": NUMBER, "steps": Range(2, 128),
                          "reverse": bool, "fill": str},
                "exemplars": {"color": str}, "rowsFrame": {"layout": {"auto", "le", "ge"}},
                "tooltip": {"mode": {"single", "multi"}, "yHistogram": bool, "showColorScale": bool},
                "yAxis": {"axisPlacement": {"left", "right"}, "reverse": bool, "unit": UNITS}},
    "stat": {"reduceOptions": {"values": bool, "calcs": Each(REDUCERS), "fields": str}, "colorMode": {"value", "background"},
             "graphMode": {"area", "none"}, "justifyMode": {"auto", "center"}, "orientation": {"auto", "horizontal", "vertical"},
             "textMode": {"auto", "value"}, "wideLayout": bool, "percentChangeColorMode": {"standard"}, "showPercentChange": bool},
    "state-timeline": {"mergeValues": bool, "showValue": {"never", "auto", "always"}, "alignValue": {"left", "center"}, "rowHeight": Range(0, 1),
                       "legend": LEGEND, "tooltip": TOOLTIP},
    "table": {"showHeader": bool, "cellHeight": {"sm", "md", "lg"},
              "footer": {"show": bool, "reducer": Each(REDUCERS), "countRows": bool, "fields": str}},
}
CUSTOM = {
    "timeseries": {"drawStyle": {"line", "bars", "points"}, "lineInterpolation": {"linear", "stepAfter"}, "lineWidth": Range(0, 10),
                   "fillOpacity": Range(0, 100), "showPoints": {"never", "auto", "always"}, "pointSize": Range(1, 40), "spanNulls": bool,
                   "stacking": {"mode": {"none", "normal"}, "group": str}, "axisPlacement": {"auto"}, "axisLabel": str, "scaleDistribution": SCALE,
                   "thresholdsStyle": {"mode": {"off", "dashed", "line"}}},
    "heatmap": {"hideFrom": Map(bool), "scaleDistribution": SCALE},
    "stat": {},
    "state-timeline": {"lineWidth": Range(0, 10), "fillOpacity": Range(0, 100)},
    "table": {"align": {"auto"}, "cellOptions": {"type": {"auto"}}, "filterable?": bool},
}


def _panel(kind):
    defaults = {"unit": UNITS, "color": COLOUR, "mappings": Each(MAPPING), "thresholds": THRESHOLDS, "custom": CUSTOM[kind], "min?": NUMBER,
                "max?": NUMBER}
    return {"id": Range(1, 1000), "type": {kind}, "title": str, "description": str, "datasource": SOURCE, "targets": Each(TARGET),
            "fieldConfig": {"defaults": defaults, "overrides": Each(OVERRIDE)}, "options": OPTIONS[kind], "gridPos": GRID,
            "transformations?": Each(TRANSFORMATION)}


ROW = {"id": Range(1, 1000), "type": {"row"}, "title": str, "collapsed": bool, "panels": Each(ANY), "gridPos": GRID, "repeat?": str}
VARIABLE = Kinds(
    "type",
    datasource={"type": {"datasource"}, "name": str, "label": str, "query": {"prometheus"}, "regex": str, "refresh": {0, 1, 2}, "multi": bool,
                "includeAll": bool, "current": {"text": str, "value": str}, "options": Each(ANY), "hide": {0, 1, 2}},
    query={"type": {"query"}, "name": str, "label": str, "datasource": SOURCE, "definition": str, "query": {"qryType": {1}, "query": str, "refId": str},
           "refresh": {0, 1, 2}, "regex": str, "sort": Range(0, 8), "multi": bool, "includeAll": bool, "allValue": str,
           "current": {"text": Each(str), "value": Each(str)}, "options": Each(ANY), "hide": {0, 1, 2}})
ANNOTATION = {"name": str, "datasource": SOURCE, "enable": bool, "hide": bool, "iconColor": str, "expr": str, "step": str, "titleFormat": str,
              "textFormat": str, "tagKeys": str, "useValueForTime": bool}
LINK = {"title": str, "type": {"link", "dashboards"}, "tags": Each(str), "icon": str, "tooltip": str, "url": str, "asDropdown": bool, "includeVars": bool,
        "keepTime": bool, "targetBlank": bool}
DASHBOARD = {"uid": str, "title": str, "description": str, "tags": Each(str), "schemaVersion": set(SCHEMA_VERSIONS.values()), "version": NUMBER,
             "editable": bool, "graphTooltip": {0, 1, 2}, "timezone": {"browser", "utc"}, "fiscalYearStartMonth": Range(0, 11), "refresh": str,
             "time": {"from": str, "to": str}, "timepicker": {"refresh_intervals": Each(str)}, "templating": {"list": Each(VARIABLE)},
             "annotations": {"list": Each(ANNOTATION)}, "links": Each(LINK),
             "panels": Each(Kinds("type", row=ROW, **{kind: _panel(kind) for kind in OPTIONS}))}


def faults(value, schema=None, where=""):
    """What is wrong with the value, a line each, with its place."""
    schema = DASHBOARD if schema is None else schema
    if schema is ANY:
        return []
    if isinstance(schema, tuple):
        return [] if any(value is None if one is None else not faults(value, one, where) for one in schema) else [f"{where}: {value!r}"]
    if isinstance(schema, Each):
        return [fault for i, one in enumerate(value) for fault in faults(one, schema.element, f"{where}[{i}]")] if isinstance(value, list) \
            else [f"{where} is no list"]
    if isinstance(schema, set):
        return [] if not isinstance(value, (dict, list)) and value in schema else [f"{where} is {value!r}, none of {sorted(map(str, schema))}"]
    if isinstance(schema, Range):
        fits = isinstance(value, numbers.Real) and not isinstance(value, bool) and schema.least <= value <= schema.most
        return [] if fits else [f"{where} is {value!r}, not in [{schema.least}, {schema.most}]"]
    if isinstance(schema, type):
        return [] if isinstance(value, schema) else [f"{where} is {value!r}, no {schema.__name__}"]
    if not isinstance(value, dict):
        return [f"{where} is no object"]
    if isinstance(schema, Map):
        return [fault for key, one in value.items() for fault in faults(one, schema.value, f"{where}.{key}")]
    if isinstance(schema, Kinds):
        kind = schema.kinds.get(value.get(schema.by, "none"))
        return faults(value, kind, where) if kind is not None else [f"{where}.{schema.by} is {value.get(schema.by)!r}"]
    names = {name.rstrip("?"): name for name in schema}
    return ([f"{where}.{key} is no field" for key in value if key not in names]
            + [f"{where}.{name} is missing" for name in schema if not name.endswith("?") and name not in value]
            + [fault for key, one in value.items() if key in names for fault in faults(one, schema[names[key]], f"{where}.{key}")])
