"""Mistakes as students write them get their name, the name is right, and right code never gets one."""

import pytest
from cause_versions import TABLES, grade, read

PATHS = sorted(TABLES.glob("*.txt"))
LEAST_NAMED = 0.9


@pytest.fixture(scope="module", params=PATHS, ids=[path.stem for path in PATHS])
def versions(request, tmp_path_factory):
    found = read(request.param)
    grade(found, tmp_path_factory.mktemp("versions"))
    return found


@pytest.mark.slow
def test_wrong_versions_lose_points_and_right_ones_none(versions):
    assert [v.name for v in versions if (v.score[0] == v.score[1]) != (v.kind == "right")] == []


@pytest.mark.slow
def test_a_named_cause_is_a_right_one(versions):
    assert {v.name: v.named for v in versions if v.verdict == "WRONG"} == {}
    assert {v.name: v.named for v in versions if v.kind == "right" and v.named} == {}


@pytest.mark.slow
def test_most_wrong_versions_are_named(versions):
    wrong = [v for v in versions if v.kind == "wrong"]
    unnamed = {v.name for v in wrong if v.verdict == "none"}
    assert unnamed <= {v.name for v in wrong if not v.is_named}
    assert len(unnamed) <= (1 - LEAST_NAMED) * len(wrong)


@pytest.mark.slow
def test_an_exception_whose_cause_is_certain_hides_no_other_mistake(versions):
    for version in (v for v in versions if v.name == "empty_and_generator"):
        assert version.named["clip_gradients.generator"] == "clip-uses-up-the-generator"
        assert "clip_gradients.skips_none" in version.named


@pytest.mark.slow
def test_two_mistakes_are_named_each_at_its_criterion(versions):
    both = [v for v in versions if v.name == "graph_and_mode"]
    for version in both:
        assert set(version.named) == {"evaluate_accuracy.no_graph", "evaluate_accuracy.eval_mode"}


@pytest.mark.slow
def test_what_an_exception_hides_is_named_where_it_shows(versions):
    for version in (v for v in versions if v.name.startswith("each_")):
        assert version.named["clip_gradients.together"] == "clip-each-parameter"
        assert version.named["clip_gradients.skips_none"] == "grad-is-none"
