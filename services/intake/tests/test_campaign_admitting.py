"""What is no campaign: lost lines, files that are cut, and a file of reviews in the place of something else."""

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from stat import S_IMODE

import pytest
from campaign_specimens import LEAVER, SMALL, STAYS, crossed, written

from contracts.intake import SnapshotKind
from intake.campaign import reviews, running
from intake.campaign.admitting import Accepted, CampaignRefused
from intake.campaign.fingerprints import fingerprint_of
from intake.campaign.snapshots import Snapshot
from intake.identity import Digests

DIGESTS = Digests(b"k" * 32)
MANY = [{**STAYS, "ine": f"{n:09d}AB", "nom": "Vork" + "".join("abcdefghij"[int(digit)] for digit in str(n))} for n in range(1100, 3100)]
UNDATED = {**MANY[7], "date_naissance": "31/02/2009"}


# ---- lines that cannot be read ----


@pytest.mark.parametrize("kind", ["previous", "current", "diplomas", "followed"])
def test_an_unreadable_line_of_any_file_is_told_and_stops_the_campaign_until_somebody_answers_for_it(tmp_path: Path, kind: str) -> None:
    rows = {"previous": [LEAVER, *MANY], "current": MANY, "diplomas": MANY[:20], "followed": MANY[:20]}
    files = written(tmp_path, **{**rows, kind: [*rows[kind], UNDATED]})
    with pytest.raises(CampaignRefused, match=rf"{kind}: 1 of .*--tolerate"):
        crossed(files, Accepted())
    found = crossed(files, Accepted(unreadable=1))
    assert {name: one.unreadable for name, one in found.lines.items()} == {**dict.fromkeys(rows, 0), kind: 1}


def test_a_line_with_too_few_cells_counts_as_unreadable(tmp_path: Path) -> None:
    files = written(tmp_path, previous=[LEAVER, *MANY], current=MANY)
    with files["current"].path.open("a", encoding="utf-8") as file:
        file.write("0440074S;123456789AB\n")
    with pytest.raises(CampaignRefused, match=r"current: 1 of 2,001"):
        crossed(files, Accepted())


# ---- lines in another line's cell ----


def there_in(files: Mapping[SnapshotKind, Snapshot]) -> dict[SnapshotKind, int]:
    return running.lines_there(files, {kind: fingerprint_of(one.path, DIGESTS) for kind, one in files.items()})


def with_quotes(snapshot: Snapshot, at: int) -> None:
    """A quote before one line's name and another before the next one's first name: one good line of the two."""
    lines = snapshot.path.read_text(encoding="utf-8").splitlines()
    lines[at] = lines[at].replace(";Vork", ';"Vork')
    lines[at + 1] = lines[at + 1].replace(";Quelo", '";Quelo')
    snapshot.path.write_text("\n".join([*lines, ""]), encoding="utf-8")


@pytest.mark.parametrize("kind", ["previous", "current"])
def test_two_quotes_that_swallow_one_line_are_told(tmp_path: Path, kind: str) -> None:
    files = written(tmp_path, previous=[LEAVER, *MANY], current=MANY)
    with_quotes(files[kind], at=900)  # type: ignore[index]  # the kinds are the parameters
    there = there_in(files)
    with pytest.raises(CampaignRefused, match=rf"{kind}: 1 of .*quoted cell"):
        crossed(files, Accepted(), there=there)
    assert crossed(files, Accepted(unreadable=1), there=there).lines[kind].unreadable == 1  # type: ignore[index]  # as above


def test_a_lost_line_and_one_too_many_do_not_make_up_for_each_other(tmp_path: Path) -> None:
    files = written(tmp_path, previous=[LEAVER, *MANY], current=MANY)
    with_quotes(files["current"], at=900)
    with files["current"].path.open("a", encoding="utf-8") as file:
        file.write("0440074S;123456789AB\n")
    found = crossed(files, Accepted(unreadable=2), there=there_in(files))
    assert found.lines["current"].unreadable == 2


def test_lines_are_counted_as_python_counts_them_wherever_a_piece_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance, path = Random(3), tmp_path / "some.csv"
    for size in (1, 2, 3, 7, 1000):
        monkeypatch.setattr("intake.campaign.fingerprints.PART_BYTES", size)
        for _ in range(200):
            text = "".join(chance.choice(["a", "\n", "\r\n", "\n\n"]) for _ in range(chance.randrange(12)))
            path.write_bytes(text.encode())
            expected = sum(bool(line) for line in text.replace("\r\n", "\n").split("\n"))
            assert fingerprint_of(path, DIGESTS).lines == expected, repr(text)


@pytest.mark.parametrize("change", [lambda text: text.rstrip("\n"), lambda text: text + "\n\n", lambda text: text.replace("\n", "\r\n")])
def test_a_last_line_without_an_end_and_empty_lines_are_no_loss(tmp_path: Path, change: Callable[[str], str]) -> None:
    files = written(tmp_path, previous=[LEAVER, *MANY], current=MANY)
    for one in files.values():
        one.path.write_bytes(change(one.path.read_text(encoding="utf-8")).encode())
    assert crossed(files, Accepted(), there=there_in(files)).figures.leavers == 1


# ---- files that are cut ----


@pytest.mark.parametrize("kind", ["previous", "current", "diplomas", "followed"])
def test_a_file_with_nothing_under_its_header_is_never_a_whole_file(tmp_path: Path, kind: str) -> None:
    rows = {"previous": [LEAVER, STAYS], "current": [STAYS, {**LEAVER, "ine": "", "date_sortie": "2026-10-01"}]}
    files = written(tmp_path, **{**rows, "diplomas": [STAYS], "followed": [STAYS], kind: []})
    with pytest.raises(CampaignRefused, match=f"{kind}: there is no line"):
        crossed(files, SMALL)


def test_a_year_that_lacks_more_than_a_tenth_of_the_other_is_refused_with_both_counts(tmp_path: Path) -> None:
    kept = crossed(written(tmp_path, previous=[LEAVER, *MANY[:1999]], current=MANY[:1800]), SMALL).figures.leavers
    assert kept == 200
    for previous, current in (([LEAVER, *MANY], MANY[:1800]), ([LEAVER, *MANY[:1700]], MANY)):
        with pytest.raises(
            CampaignRefused, match=rf"previous has {len(previous):,} lines and current {len(current):,}: .*--despite-volume"
        ):
            crossed(written(tmp_path, previous=previous, current=current), Accepted())


def test_more_leavers_than_one_in_twenty_are_refused_with_both_counts(tmp_path: Path) -> None:
    others = [{**one, "nom": f"Brunda{one['nom']}", "ine": f"8{one['ine'][1:]}"} for one in MANY]
    files = written(tmp_path, previous=MANY, current=[*MANY[:1900], *others[:100]])
    assert crossed(files, Accepted()).figures.leavers == 100
    files = written(tmp_path, previous=MANY, current=[*MANY[:1899], *others[:101]])
    with pytest.raises(CampaignRefused, match=r"101 of 2,000 lines .*--despite-volume"):
        crossed(files, Accepted())


# ---- the file of reviews ----

DOUBTFUL = {**LEAVER, "ine": "323456789AB", "nom": "Wurzalo"}


def test_lines_for_a_human_are_written_for_one_user_only_and_are_no_formulas(tmp_path: Path) -> None:
    files = written(tmp_path, previous=[LEAVER, {**DOUBTFUL, "formation": "=1+1"}], current=[{**DOUBTFUL, "date_naissance": "2009-03-15"}])
    found, path = crossed(files), tmp_path / "reviews.csv"
    reviews.write(path, found.reviews)
    assert (found.figures.review, S_IMODE(path.stat().st_mode)) == (1, 0o600)
    header, line = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")), delimiter=";")
    assert header[:4] == ["motif", "uai", "ine", "nom"]
    assert (line[0], line[3], line[7]) == ("enrolment", "Wurzalo", "'=1+1")
    reviews.write(path, found.reviews)
    assert S_IMODE(path.stat().st_mode) == 0o600, "written again by a run after one that was killed"
    assert list(tmp_path.glob("reviews.csv*")) == [path]
    with pytest.raises(CampaignRefused, match="no such folder"):
        reviews.check(tmp_path / "nowhere" / "reviews.csv")


def a_link(folder: Path) -> Path:
    (folder / "link.csv").symlink_to(folder / "previous.csv")
    return folder / "link.csv"


def a_link_to_reviews(folder: Path) -> Path:
    reviews.write(folder / "reviews.csv", "")
    (folder / "to reviews.csv").symlink_to(folder / "reviews.csv")
    return folder / "to reviews.csv"


def a_hard_link(folder: Path) -> Path:
    (folder / "hard.csv").hardlink_to(folder / "previous.csv")
    return folder / "hard.csv"


def a_dangling_link(folder: Path) -> Path:
    (folder / "dangling.csv").symlink_to(folder / "not yet.csv")
    return folder / "dangling.csv"


def notes(folder: Path) -> Path:
    (folder / "notes.csv").write_text("my notes")
    return folder / "notes.csv"


PLACES = (
    lambda folder: folder / "previous.csv",
    lambda folder: folder / "x" / ".." / "current.csv",
    a_link,
    a_link_to_reviews,
    a_hard_link,
    a_dangling_link,
    notes,
)


@pytest.mark.parametrize("place", PLACES)
def test_reviews_never_take_the_place_of_anything_else(tmp_path: Path, place: Callable[[Path], Path]) -> None:
    written(tmp_path, previous=[LEAVER], current=[STAYS])
    (tmp_path / "x").mkdir()
    path = place(tmp_path)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.is_file()}
    for attempt in (lambda: reviews.check(path), lambda: reviews.write(path, "")):
        with pytest.raises(CampaignRefused, match="something else"):
            attempt()
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.is_file()} == before
