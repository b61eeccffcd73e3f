import pytest

from orchestrator.report.words import bytes_text, duration_text, job_text, latency_text
from orchestrator.sweep import RuntimeChoice
from tests.making import make_job


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(None, "–"), (0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1_450_000, "1.45 MB"), (2.5e9, "2.5 GB")],
)
def test_bytes_are_told_in_decimal_units(size_bytes: float | None, text: str) -> None:
    assert bytes_text(size_bytes) == text


@pytest.mark.parametrize(
    ("duration_s", "text"), [(0, "0 s"), (0.4, "0.4 s"), (89, "89 s"), (120, "2 min"), (7800, "2 h 10 min")]
)
def test_durations_are_told_in_the_unit_one_would_say(duration_s: float, text: str) -> None:
    assert duration_text(duration_s) == text


@pytest.mark.parametrize(
    ("latency_ns", "text"), [(None, "–"), (350_000, "0.350"), (12_345_678, "12.35"), (515_000_000, "515")]
)
def test_latencies_have_as_many_digits_as_they_deserve(latency_ns: float | None, text: str) -> None:
    assert latency_text(latency_ns) == text


def test_a_job_leaves_out_what_is_usual_and_names_what_is_not() -> None:
    assert job_text(make_job()) == "bert · litert · 1 thread"
    job = make_job(
        runtime=RuntimeChoice("tflite-runtime", "2.14.0"), threads=4, delegate="none", options={"level": "all"}
    )
    assert job_text(job) == "bert · tflite-runtime 2.14.0 · 4 threads · delegate none · level=all"
