"""Charts as Vega-Lite specs, each with the words and the table that say the same. Pure."""

from orchestrator.pages.charts.chart import MOST_POINTS, Axis, Chart
from orchestrator.pages.charts.distribution import Sample, distribution_chart
from orchestrator.pages.charts.history import Level, Moment, history_chart
from orchestrator.pages.charts.ranges import range_chart
from orchestrator.pages.charts.ratios import Ratio, ratio_chart
from orchestrator.pages.charts.scatter import Spot, find_front, scatter_chart
from orchestrator.pages.charts.series import Limit, Line, Stretch, series_chart
from orchestrator.pages.charts.thinning import thin_series, thin_sorted
from orchestrator.pages.charts.waterfall import Step, waterfall_chart

__all__ = [
    "MOST_POINTS",
    "Axis",
    "Chart",
    "Level",
    "Limit",
    "Line",
    "Moment",
    "Ratio",
    "Sample",
    "Spot",
    "Step",
    "Stretch",
    "distribution_chart",
    "find_front",
    "history_chart",
    "range_chart",
    "ratio_chart",
    "scatter_chart",
    "series_chart",
    "thin_series",
    "thin_sorted",
    "waterfall_chart",
]
