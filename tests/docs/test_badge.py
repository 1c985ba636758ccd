"""The coverage badge."""

import re
from pathlib import Path

import coverage
import pytest

from tests import badge


def test_the_badge_shows_the_percentage_and_is_green_only_when_it_is_whole() -> None:
    whole, almost, poor = badge.drawn("100"), badge.drawn("99.9"), badge.drawn("41")
    assert whole.count("100%") == 3
    assert almost.count("99.9%") == 3
    green = badge.COLOURS[0][1]
    assert green in whole
    assert green not in almost
    assert green not in poor


@pytest.mark.parametrize("total", ["", "101", "-1", "100%", "nan", "No data"])
def test_what_is_no_percentage_becomes_no_badge(total: str) -> None:
    with pytest.raises(ValueError, match="not a percentage"):
        badge.drawn(total)


def test_the_badge_is_made_from_the_data_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "half.py").write_text("def never():\n    return 1\n")
    data = coverage.CoverageData(basename=str(tmp_path / ".coverage"))
    data.add_lines({str(tmp_path / "half.py"): [1]})
    data.write()
    (tmp_path / ".coveragerc").write_text("")
    monkeypatch.setattr(badge, "ROOT", tmp_path)
    monkeypatch.setattr(badge, "BADGE", tmp_path / "coverage.svg")
    monkeypatch.setenv("COVERAGE_FILE", str(tmp_path / ".coverage"))
    assert badge.main(["--omit=none"]) == 0
    assert (tmp_path / "coverage.svg").read_text() == badge.drawn("50")
    assert "50%" in capsys.readouterr().out


def test_without_data_the_badge_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".coveragerc").write_text("")
    monkeypatch.setattr(badge, "ROOT", tmp_path)
    monkeypatch.setattr(badge, "BADGE", tmp_path / "coverage.svg")
    monkeypatch.setenv("COVERAGE_FILE", str(tmp_path / ".coverage"))
    assert badge.main([]) == 1
    assert not (tmp_path / "coverage.svg").exists()
    assert "No badge" in capsys.readouterr().out


def test_the_badge_in_the_repository_is_one_that_this_program_draws() -> None:
    shown = badge.BADGE.read_text()
    total = re.search(r"<title>coverage: (.+?)%</title>", shown)
    assert total is not None
    assert shown == badge.drawn(total[1])
