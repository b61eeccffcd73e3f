"""The grammar of claims: every form, every place where one can be wrong, and text of any kind."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import ConfigError, UsageError
from orchestrator.sweep_files import load_sweep
from orchestrator.sweep_files.claims import AXES, FIGURES, IN_RATIO, LONGEST, Claim, Form, parse_claim

NAMES = st.text("abcxyzABC019-_.*:äß", min_size=1, max_size=12)
SPACED = st.text("ab c'*", min_size=1, max_size=8).filter(lambda name: name.strip() == name)


def fault_of(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_claim(text)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("items_per_s >= 1 on every device", Claim("", "items_per_s", ">=", 1.0)),
        ("items_per_s>=1 on any device", Claim("", "items_per_s", ">=", 1.0, any_device=True)),
        ("p90_ms <= 45", Claim("", "p90_ms", "<=", 45.0)),
        ("p90_ms < .5 s", Claim("", "p90_ms", "<", 500.0)),
        ("p90_ms < 45ms for mini*", Claim("", "p90_ms", "<", 45.0, model="mini*")),
        ("accuracy >= 75 %", Claim("", "accuracy", ">=", 0.75)),
        ("accuracy >= 75%", Claim("", "accuracy", ">=", 0.75)),
        ("accuracy > 0.75", Claim("", "accuracy", ">", 0.75)),
        ("peak_rss_bytes <= 50 MB on pi-4", Claim("", "peak_rss_bytes", "<=", 5e7, device="pi-4")),
        ("parameters <= 1.5e6", Claim("", "parameters", "<=", 1.5e6)),
        ("file_bytes ratio teacher/student >= 160", Claim("", "file_bytes", ">=", 160.0, Form.RATIO)),
        (
            "items_per_s ratio student / teacher >= 7.8",
            Claim("", "items_per_s", ">=", 7.8, Form.RATIO, teacher_first=False),
        ),
        ("accuracy drop <= 4.1 points", Claim("", "accuracy", "<=", 0.041, Form.DROP)),
        ("accuracy drop <= 1 point", Claim("", "accuracy", "<=", 0.01, Form.DROP)),
        (
            'p50_ms <= 9 on "every" for "my model" with threads=4 with options.fast=true in scope end_to_end at best',
            Claim(
                "",
                "p50_ms",
                "<=",
                9.0,
                model="my model",
                device="every",
                at_best=True,
                scope="end_to_end",
                axes={"threads": "4", "options.fast": "true"},
            ),
        ),
    ],
)
def test_a_claim_means_what_it_says(text: str, claim: Claim) -> None:
    found = parse_claim(text)
    assert found.text == " ".join(text.split())
    assert found.bound == pytest.approx(claim.bound)
    assert {**vars(found), "text": "", "bound": 0} == {**vars(claim), "text": "", "bound": 0}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "character 1: nothing stands where there must be a figure: parameters, file_bytes"),
        ("p90 <= 45", "character 1: 'p90' stands where there must be a figure: did you mean p90_ms?"),
        ("p90_ms", "character 7: nothing stands where there must be a relation: >=, <=, > or <"),
        ("p90_ms << 45", "character 9: '<' stands where there must be a number such as 45 or 4.1"),
        ("p90_ms <= nan", "character 11: 'nan' stands where there must be a number"),
        ("p90_ms <= 1,000", "character 11: '1,000' stands where there must be a number"),
        ("p90_ms <= 1e999", "character 11: '1e999' stands where there must be a number"),
        ("p90_ms <= 45 seconds", "character 14: 'seconds' stands where there must be a unit: ms, s"),
        ("items_per_s >= 1 /s", "character 18: '/s' stands where there must be a selector"),
        ("items_per_s >= 1 hz", "character 18: 'hz' stands where there must be no unit, or a selector"),
        ("accuracy >= 75", "character 13: '75' stands where there must be a share from 0 to 1, or percent: 75 %"),
        ("accuracy drop <= 4.1", "character 21: nothing stands where there must be points"),
        ("accuracy drop <= 4.1 %", "character 22: '%' stands where there must be a unit: points, point"),
        (
            "p90_ms drop <= 4",
            "character 8: 'drop' stands where there must be a relation (a drop is of accuracy, exact_match",
        ),
        ("accuracy ratio teacher/student >= 1", "character 10: 'ratio' stands where there must be a relation (a ratio"),
        ("file_bytes ratio teacher/teacher >= 1", "character 26: 'teacher' stands where there must be the other side"),
        ("file_bytes ratio teacher student >= 1", "character 26: 'student' stands where there must be /"),
        ("file_bytes ratio parent/student >= 1", "character 18: 'parent/student' stands where there must be a side"),
        ("p90_ms is <= 4", "character 8: 'is' stands where there must be a relation"),
        ("p90_ms <= 4 on", "character 15: nothing stands where there must be every device, any device or a device"),
        ("p90_ms <= 4 on every", "character 21: nothing stands where there must be the word device"),
        ("p90_ms <= 4 on pi on pa", "character 19: 'on' stands where there must be on once"),
        ("p90_ms <= 4 for", "character 16: nothing stands where there must be a model"),
        ("p90_ms <= 4 with colour=red", "character 18: 'colour=red' stands where there must be KEY=VALUE"),
        ("p90_ms <= 4 with threads=1 with threads=2", "character 28: 'with' stands where there must be threads once"),
        ("p90_ms <= 4 in scope board", "character 22: 'board' stands where there must be a scope: model, end_to_end"),
        ("p90_ms <= 4 at worst", "character 16: 'worst' stands where there must be the word best"),
        ("p90_ms <= 4 in every device", "character 16: 'every' stands where there must be the word scope"),
        ("p90_ms <= 4 " + "x" * LONGEST, f"{LONGEST + 12} characters; a claim has at most {LONGEST}"),
    ],
)
def test_a_wrong_claim_says_where_and_what_may_stand_there(text: str, fault: str) -> None:
    assert fault_of(text).startswith(fault)


def quoted(name: str) -> str:
    return f'"{name}"'


@given(
    figure=st.sampled_from(sorted(FIGURES)),
    relation=st.sampled_from([">=", "<=", ">", "<"]),
    share=st.integers(0, 1000),
    model=st.none() | NAMES | SPACED,
    device=st.none() | NAMES | SPACED,
    any_device=st.booleans(),
    at_best=st.booleans(),
    scope=st.none() | st.sampled_from(["model", "end_to_end"]),
    axes=st.dictionaries(st.sampled_from([*AXES, "options.fast"]), NAMES, max_size=3),
    space=st.sampled_from([" ", "  ", "\t", "\n "]),
)
def test_a_claim_that_is_written_down_is_read_the_same(
    figure: str,
    relation: str,
    share: int,
    model: str | None,
    device: str | None,
    any_device: bool,
    at_best: bool,
    scope: str | None,
    axes: dict[str, str],
    space: str,
) -> None:
    parts = [figure, relation, str(share / 1000)]
    if model is not None:
        parts += ["for", quoted(model)]
    if device is not None:
        parts += ["on", quoted(device)]
    elif any_device:
        parts += ["on", "any", "device"]
    parts += [f"with{space}{key}={value}" for key, value in axes.items()]
    parts += ["in", "scope", scope] if scope else []
    parts += ["at", "best"] if at_best else []
    found = parse_claim(space.join(parts))
    assert (found.figure, found.relation, found.bound) == (figure, relation, share / 1000)
    assert (found.model, found.device, found.scope) == (model, device, scope)
    assert (found.at_best, found.any_device) == (at_best, any_device and device is None)
    assert found.axes == axes


@given(st.text(max_size=80) | st.lists(st.sampled_from([*FIGURES, *IN_RATIO, ">=", "<", "1", "4.1", "%", "on", "for",
       "with", "ratio", "drop", "teacher", "/", "student", "every", "device", "points", "'", '"', "=", "at", "best"]),
       max_size=9).map(" ".join))  # fmt: skip
def test_any_text_is_a_claim_or_one_clear_sentence(text: str) -> None:
    try:
        found = parse_claim(text)
    except UsageError as error:
        assert error.message.startswith("character ")
        assert "\n" not in error.message
    else:
        assert parse_claim(found.text) == found


def test_a_wrong_claim_of_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "tweets.yaml"
    path.write_text(
        "models: [bert]\nteacher: bert\nclaims:\n  - p90_ms <= 45\n  - p90 <= 45\n  - accuracy drop <= 4 %\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_sweep(path)
    first, second = caught.value.message.splitlines()
    assert "tweets.yaml:5:5: claims[1]: found 'p90 <= 45' (character 1: 'p90' stands where there must be" in first
    assert "tweets.yaml:6:5: claims[2]: found 'accuracy drop <= 4 %' (character 20: '%' stands" in second


@pytest.mark.parametrize(
    ("claims", "fault"),
    [
        ("[4]", "claims[0]: found 4"),
        ("[p90_ms <= 4, p90_ms <= 4]", "claims: found a list (the value p90_ms <= 4 is there twice)"),
        ("[[p90_ms <= 4]]", "claims[0]: found a list"),
        ("{p90_ms: 4}", "claims[0]: found a mapping"),
    ],
)
def test_what_is_no_list_of_texts_is_no_list_of_claims(tmp_path: Path, claims: str, fault: str) -> None:
    path = tmp_path / "tweets.yaml"
    path.write_text(f"models: [bert]\nclaims: {claims}\n")
    with pytest.raises(ConfigError) as caught:
        load_sweep(path)
    assert fault in caught.value.message


def test_the_claims_and_the_teacher_of_a_file_arrive_in_the_sweep(tmp_path: Path) -> None:
    path = tmp_path / "tweets.yaml"
    path.write_text("models: [bert]\nteacher: bert\nclaims: p90_ms <= 45\n")
    sweep = load_sweep(path)
    assert (sweep.teacher, sweep.claims) == ("bert", ("p90_ms <= 45",))
