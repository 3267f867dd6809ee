"""Verdicts as a CSV: what a spreadsheet must not execute, and what its reader is told."""

from intake.verdicts import row, rows_of


def test_a_cell_that_looks_like_a_formula_begins_with_an_apostrophe() -> None:
    assert row(["=1+1", "+33", "-1", "@A", "\tx", "＝1", 'a"b', "a;b"]) == (
        '"\'=1+1";"\'+33";"\'-1";"\'@A";"\'\tx";"\'＝1";"a""b";"a;b"\r\n'
    )


def test_each_finding_is_a_row_with_its_french_sentence() -> None:
    found = list(rows_of(7, "rejected", ["nom", "date_naissance"], ["MISSING_FIELD", "BAD_DATE"]))
    assert found == [
        ("7", "rejetée", "nom", "MISSING_FIELD", "Un champ obligatoire est vide : complétez-le."),
        (
            "7",
            "rejetée",
            "date_naissance",
            "BAD_DATE",
            "La date n'est pas une date valide au format attendu : écrivez le jour, le mois et l'année sur quatre chiffres.",
        ),
    ]


def test_a_line_without_finding_is_one_row_and_an_under_16_tells_only_that() -> None:
    assert list(rows_of(2, "accepted", [], [])) == [("2", "acceptée", "", "", "")]
    assert [cells[:4] for cells in rows_of(3, "not_kept", [], [])] == [("3", "non conservée", "date_naissance", "UNDER_16")]
