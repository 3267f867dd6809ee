"""SIECLE exports as they come: sets of files in one archive, versions and encodings, and what makes a set no set."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake_specimens import ELEVE, ENROLLED_ELEVE, OTHER_UAI, RESPONSABLES, UAI, eleves_xml, read_all, zipped

from intake.formats import siecle
from intake.formats.cells import Cells, Fault, ListRefused
from intake.inspection import inspect
from intake.rules import RULES

MEF = "2472521431"


def nomenclature(*codes: str, uai: str = UAI) -> bytes:
    mefs = "".join(f'<MEF CODE_MEF="{code}"><FORMATION>x</FORMATION></MEF>' for code in codes)
    return f'<BEE_NOMENCLATURES VERSION="3.1"><PARAMETRES><UAJ>{uai}</UAJ></PARAMETRES><DONNEES><MEFS>{mefs}</MEFS></DONNEES></BEE_NOMENCLATURES>'.encode()


def structures(uai: str = UAI) -> bytes:
    divisions = '<DIVISION CODE_STRUCTURE="1CAP"><LIBELLE_LONG>x</LIBELLE_LONG></DIVISION>'
    return f"<BEE_STRUCTURES><PARAMETRES><UAJ>{uai}</UAJ></PARAMETRES><DONNEES><DIVISIONS>{divisions}</DIVISIONS></DONNEES></BEE_STRUCTURES>".encode()


def guardians_of(uai: str) -> bytes:
    return RESPONSABLES.replace(b"<DONNEES>", f"<PARAMETRES><UAJ>{uai}</UAJ></PARAMETRES><DONNEES>".encode())


def whole_set(**changes: bytes) -> bytes:
    files = {
        "ElevesAvecAdresses": eleves_xml(ELEVE, ENROLLED_ELEVE), "ResponsablesAvecAdresses": guardians_of(UAI),
        "Structures": structures(), "Nomenclature": nomenclature(MEF), **changes,
    }  # fmt: skip
    return zipped(**files)


def cells_of(body: bytes) -> list[Cells]:
    lines = read_all(siecle, body)
    assert not any(isinstance(line, Fault) for line in lines)
    return [line for line in lines if isinstance(line, Cells)]


def test_a_whole_set_is_one_list() -> None:
    left, enrolled = cells_of(whole_set())
    assert (left.kind, enrolled.kind, left.findings, enrolled.findings) == ("leaver", "enrolment", (), ())
    assert [one.first_name for one in left.guardians] == ["Noé"]
    assert inspect(io.BytesIO(whole_set()), "siecle", UAI).lines == 2


def test_the_order_of_the_files_in_the_archive_is_of_no_matter() -> None:
    files = {"a": nomenclature(MEF), "b": guardians_of(UAI), "c": structures(), "d": eleves_xml(ELEVE)}
    assert cells_of(zipped(**files)) == cells_of(zipped(**dict(reversed(files.items()))))


def test_a_mef_that_the_sets_own_nomenclature_does_not_have_is_remarked() -> None:
    found = cells_of(whole_set(Nomenclature=nomenclature("10110001110")))
    assert [(one.field, one.rule) for one in found[0].findings] == [("CODE_MEF", "SIECLE_MEF_UNKNOWN")]
    assert RULES["SIECLE_MEF_UNKNOWN"].effect == "remark"
    without = ELEVE.replace(f"<CODE_MEF>{MEF}</CODE_MEF>", "")
    assert cells_of(whole_set(ElevesAvecAdresses=eleves_xml(without)))[0].findings == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"ResponsablesAvecAdresses": guardians_of(OTHER_UAI)},
        {"Structures": structures(OTHER_UAI)},
        {"Nomenclature": nomenclature(MEF, uai=OTHER_UAI)},
    ],
    ids=["guardians", "structures", "nomenclature"],
)
def test_files_of_two_establishments_are_no_set(changes: dict[str, bytes]) -> None:
    with pytest.raises(ListRefused, match="SET_MIXED"):
        read_all(siecle, whole_set(**changes))


@pytest.mark.parametrize("twice", [eleves_xml(ELEVE), guardians_of(UAI), structures(), nomenclature(MEF)])
def test_two_files_of_a_kind_are_no_set(twice: bytes) -> None:
    with pytest.raises(ListRefused, match="SET_DOUBLE"):
        read_all(siecle, whole_set(ElevesSansAdresses=twice))


@pytest.mark.parametrize("alone", [structures(), nomenclature(MEF), zipped(a=structures(), b=guardians_of(UAI))])
def test_a_set_without_pupils_is_no_list(alone: bytes) -> None:
    with pytest.raises(ListRefused, match="TYPE_MISMATCH"):
        read_all(siecle, alone)


def test_communs_and_geographique_may_be_in_a_set_and_change_nothing() -> None:
    """Whatever is in them: only their roots are known."""
    others = {"Communs": b"<BEE_COMMUN><X><UAJ>0750654D</UAJ></X></BEE_COMMUN>", "Geographique": b"<BEE_GEOGRAPHIQUE/>"}
    assert cells_of(whole_set(**others)) == cells_of(whole_set())
    with pytest.raises(ListRefused, match="SET_DOUBLE"):
        read_all(siecle, whole_set(**others, Autre=b"<BEE_GEOGRAPHIQUE/>"))
    with pytest.raises(ListRefused, match="TYPE_MISMATCH"):
        read_all(siecle, zipped(**others))
    with pytest.raises(ListRefused, match="TYPE_MISMATCH"):
        read_all(siecle, whole_set(Autre=b"<BEE_AUTRE/>"))


@pytest.mark.parametrize("version", ["1.7", "1.8", "2.1", "2.0.3", "3.0"])
@pytest.mark.parametrize("encoding", ["ISO-8859-15", "UTF-8"])
def test_versions_and_encodings_that_were_seen_are_read(version: str, encoding: str) -> None:
    spelt = ELEVE.replace("Maïa", "Maïa Œuvrard €")
    (only,) = cells_of(eleves_xml(spelt, version=version, encoding=encoding))
    assert only.first_names == ("Maïa Œuvrard €",)


TAGS = st.sampled_from(
    ["ELEVE", "MEF", "PARAMETRES", "UAJ", "DONNEES", "ADRESSE", "PERSONNE", "CODE_MEF", "RESPONSABLE_ELEVE", "ELEVE_ID", "NOM"]
)
TREE = st.recursive(
    st.text(alphabet="aé<&1 ", max_size=4),
    lambda inner: st.builds(
        lambda tag, children: f"<{tag} CODE_MEF='1' ELEVE_ID='7'>{''.join(children)}</{tag}>", TAGS, st.lists(inner, max_size=3)
    ),
    max_leaves=8,
)
ROOTS = ("BEE_ELEVES", "BEE_RESPONSABLES", "BEE_STRUCTURES", "BEE_NOMENCLATURES", "BEE_COMMUNS")


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(st.sampled_from(ROOTS), st.lists(TREE, max_size=3).map("".join)), max_size=4))
def test_no_set_makes_the_reader_fail(files: dict[str, tuple[str, str]]) -> None:
    body = zipped(**{name: f'<{root} VERSION="3.0">{inner}</{root}>'.encode() for name, (root, inner) in files.items()})
    try:
        assert all(isinstance(line, Cells | Fault) for line in read_all(siecle, body))
    except ListRefused as refused:
        assert RULES[refused.rule].effect == "file"
