"""Every rule of intake in one table: what it does to a line or a file, and the French sentence that its sender reads."""

from dataclasses import dataclass
from typing import Literal

Effect = Literal["file", "list_held", "rejected", "held", "not_kept", "remark"]
Verdict = Literal["accepted", "accepted_with_remarks", "rejected", "held", "not_kept"]


@dataclass(frozen=True)
class RuleText:
    """What breaking a rule does, and how it is said to an official."""

    effect: Effect
    sentence: str


RULES: dict[str, RuleText] = {
    "REFERENCE_DATE": RuleText("file", "La date de référence est future ou invraisemblable : donnez le jour que la liste décrit."),
    "EMPTY_LIST": RuleText(
        "file", "Le fichier ne contient aucune ligne. S'il n'y a vraiment personne à signaler, ne l'envoyez pas : dites-le à la plateforme."
    ),
    "FORMAT_UNKNOWN": RuleText(
        "file", "Le format annoncé n'existe pas ici : choisissez un de ceux de la documentation et renvoyez le fichier."
    ),
    "MALWARE": RuleText(
        "file", "Le fichier contient des macros ou une signature de logiciel malveillant : exportez les données seules et renvoyez-les."
    ),
    "TYPE_MISMATCH": RuleText(
        "file", "Le contenu du fichier n'est pas du format annoncé : exportez-le de nouveau dans ce format, sans seulement le renommer."
    ),
    "ARCHIVE_BROKEN": RuleText(
        "file", "L'archive est incomplète, abîmée ou protégée par un mot de passe : refaites un fichier zip ordinaire, sans mot de passe."
    ),
    "ARCHIVE_RATIO": RuleText(
        "file", "L'archive est trop volumineuse une fois ouverte ou en contient une autre : n'y mettez que les fichiers de l'export."
    ),
    "DOCTYPE_REFUSED": RuleText(
        "file", "Le fichier XML contient une déclaration DOCTYPE : renvoyez l'export tel que le logiciel le produit."
    ),
    "EXTERNAL_REFERENCE": RuleText(
        "file", "Le fichier appelle une ressource extérieure (inclusion, schéma, feuille de style ou lien) : enlevez ces appels."
    ),
    "XML_DEPTH": RuleText("file", "Le fichier XML emboîte plus de 32 niveaux : renvoyez l'export tel que le logiciel le produit."),
    "ELEMENT_TOO_LONG": RuleText("file", "Un élément du fichier XML est démesuré : renvoyez l'export tel que le logiciel le produit."),
    "XML_BROKEN": RuleText("file", "Le fichier XML est mal formé ou incomplet : refaites l'export et renvoyez-le en entier."),
    "ENCODING": RuleText(
        "file", "Les caractères ne se lisent pas : enregistrez le texte en UTF-8, ou déclarez son encodage (windows-1252, iso-8859-15)."
    ),
    "HEADER_UNKNOWN": RuleText(
        "file", "La première ligne ou les colonnes ne sont pas celles d'un format connu : reprenez l'en-tête du modèle."
    ),
    "SEPARATOR_MIXED": RuleText(
        "file", "Le séparateur des colonnes change dans le fichier : employez le même partout, point-virgule, virgule ou tabulation."
    ),
    "SCHEMA_VERSION": RuleText(
        "file",
        "La version ou la structure du fichier n'est pas connue : renvoyez un export d'une version prise en charge, sans le modifier.",
    ),
    "OUT_OF_MANDATE": RuleText(
        "file", "Le fichier concerne un établissement pour lequel vous ne pouvez pas déclarer : retirez ces lignes et renvoyez-le."
    ),
    "TOO_LARGE": RuleText("file", "Le fichier dépasse la taille admise pour son format : envoyez-le en plusieurs listes."),
    "TOO_MANY_LINES": RuleText("file", "Le fichier compte plus de 200 000 lignes : envoyez-le en plusieurs listes."),
    "COLUMN_COUNT": RuleText("rejected", "La ligne n'a pas le nombre de colonnes attendu : vérifiez ses séparateurs et ses guillemets."),
    "UNTERMINATED_QUOTE": RuleText("rejected", "Un guillemet ouvert n'est pas refermé : fermez-le ou enlevez-le."),
    "CONTROL_CHAR": RuleText("rejected", "La ligne contient un caractère de contrôle invisible : effacez et ressaisissez la cellule."),
    "CELL_TOO_LONG": RuleText("rejected", "Une cellule dépasse 4 000 caractères : raccourcissez-la."),
    "BAD_JSON": RuleText("rejected", "La ligne n'est pas un objet JSON valide : vérifiez ses accolades et ses guillemets."),
    "BAD_NUMBER": RuleText(
        "rejected", "La ligne contient un nombre qui n'en est pas un ou qui est trop grand : écrivez la valeur entre guillemets."
    ),
    "DUPLICATE_KEY": RuleText("rejected", "Le même champ est donné deux fois : gardez-en un seul."),
    "TOO_DEEP": RuleText("rejected", "La ligne emboîte trop de niveaux : un champ y est un texte simple."),
    "UNKNOWN_FIELD": RuleText("rejected", "La ligne contient un champ qui n'est pas du format : enlevez-le."),
    "WRONG_TYPE": RuleText("rejected", "Un champ n'est pas un texte : écrivez toute valeur entre guillemets."),
    "MISSING_FIELD": RuleText("rejected", "Un champ obligatoire est vide : complétez-le."),
    "BAD_DATE": RuleText(
        "rejected", "La date n'est pas une date valide au format attendu : écrivez le jour, le mois et l'année sur quatre chiffres."
    ),
    "SPREADSHEET_MANGLED": RuleText(
        "rejected", "Le tableur a changé la valeur en nombre : mettez la colonne au format texte et ressaisissez la valeur d'origine."
    ),
    "BAD_UAI": RuleText("rejected", "Le code UAI est mal formé ou sa lettre de contrôle est fausse : vérifiez-le."),
    "NAME_INVALID": RuleText("rejected", "Le nom ou le prénom contient des caractères non admis à l'état civil : corrigez-le."),
    "BIRTH_DATE_IMPOSSIBLE": RuleText("rejected", "La date de naissance est impossible à la date de référence de la liste : vérifiez-la."),
    "EXIT_BEFORE_ENTRY": RuleText("rejected", "La date de sortie précède la date d'entrée : vérifiez les deux."),
    "IDENTITY_CONFLICT": RuleText(
        "held",
        "L'identité contredit une personne déjà connue, ou plusieurs correspondent : la ligne attend une vérification ; vérifiez l'INE.",
    ),
    "DISCARDED_WRONG_LINE": RuleText(
        "rejected", "Après vérification, la ligne est erronée et n'est pas retenue : corrigez-la et renvoyez-la."
    ),
    "DISCARDED_CANNOT_TELL": RuleText(
        "rejected",
        "Après vérification, on ne peut dire de qui parle la ligne : complétez l'identité (INE, commune de naissance) et renvoyez-la.",
    ),
    "DISCARDED_OTHER": RuleText("rejected", "Après vérification, la ligne n'est pas retenue : renseignez-vous avant de la renvoyer."),
    "INE_OF_ANOTHER": RuleText(
        "remark", "Après vérification, l'INE est celui d'une autre personne ; la ligne est prise sans INE : corrigez-le."
    ),
    "NAME_READ_AS_SEEN": RuleText(
        "remark", "Le nom mêlait des lettres d'un autre alphabet ; après vérification, il est lu comme il se voit : ressaisissez-le."
    ),
    "CONFUSABLE_NAME": RuleText(
        "held", "Le nom mêle des lettres latines et d'autres qui leur ressemblent : la ligne attend une vérification ; ressaisissez le nom."
    ),
    "LIST_OUT_OF_ORDER": RuleText(
        "list_held", "Une liste plus récente de la même source a déjà été prise en compte : à vérifier avant lecture."
    ),
    "VOLUME_ANOMALY": RuleText("list_held", "La liste est bien plus courte ou bien plus longue que d'habitude : à vérifier avant lecture."),
    "TERRITORY_OF_ANOTHER": RuleText(
        "list_held", "La liste porte sur un établissement dont un autre émetteur rend compte : à vérifier avant lecture."
    ),
    "UNDER_16": RuleText("not_kept", "La personne a moins de 16 ans à la date de référence : comptée, jamais conservée."),
    "PHONE_INVALID": RuleText(
        "remark", "Un numéro de téléphone n'est pas valide ou n'est pas celui d'une personne ; il n'est pas conservé : corrigez-le."
    ),
    "EMAIL_INVALID": RuleText("remark", "Une adresse électronique n'est pas valide ; elle n'est pas conservée : corrigez-la."),
    "EMAIL_OF_ANOTHER": RuleText(
        "remark", "L'adresse électronique est celle d'un établissement ou d'un représentant ; donnez celle du jeune, ou laissez vide."
    ),
    "INE_MALFORMED": RuleText("remark", "L'INE est mal formé ; la ligne est traitée comme sans INE : vérifiez-le."),
    "POSTCODE_INVALID": RuleText("remark", "Le code postal n'est pas valide ; le département est celui de l'établissement : corrigez-le."),
    "UAI_CLOSED": RuleText("remark", "L'établissement était fermé à la date de référence de la liste : vérifiez le code UAI."),
    "UAI_NOT_OPEN": RuleText(
        "remark", "L'établissement n'était pas encore ouvert à la date de référence de la liste : vérifiez le code UAI et la date."
    ),
    "UAI_UNKNOWN": RuleText("remark", "Le code UAI ne figure pas au répertoire des établissements : vérifiez-le."),
    "COMMUNE_UNKNOWN": RuleText("remark", "Le code de la commune de naissance n'existe pas et n'a jamais existé : vérifiez-le."),
    "POSTCODE_NOT_OF_COMMUNE": RuleText(
        "remark", "Le code postal n'est pas de cette commune ; le département est celui de l'établissement : corrigez l'un ou l'autre."
    ),
    "FREE_TEXT": RuleText(
        "remark", "Le motif ou la formation est un texte libre ; il n'est pas conservé : donnez un code ou un libellé court."
    ),
    "FORBIDDEN_DATA": RuleText(
        "remark",
        "Le motif ou la formation parle de santé, de nationalité, de justice ou de famille ; il n'est pas conservé : ne l'écrivez jamais.",
    ),
    "DIPLOMA_UNKNOWN": RuleText("remark", "Le diplôme n'est pas un code DIP_OBT (01 à 15, 99) ; il n'est pas conservé : donnez le code."),
    "DUPLICATE_LINE": RuleText("remark", "La ligne répète exactement une autre ligne de la liste : inutile de la renvoyer."),
    "ENTRY_DATE_MISSING": RuleText("remark", "La date d'entrée manque ; la durée de scolarité ne peut être établie : complétez-la."),
    "JSON_BROKEN": RuleText(
        "file", "Le fichier JSON n'est pas un tableau de dossiers, ou il est mal formé ou incomplet : exportez-le à nouveau."
    ),
    "DOSSIER_BROKEN": RuleText(
        "rejected", "Le dossier n'est pas un objet JSON lisible (champ en double, nombre hors limites) : corrigez-le."
    ),
    "WORKBOOK_HIDDEN": RuleText("file", "Le classeur a une feuille masquée : affichez-la ou supprimez-la, puis renvoyez le fichier."),
    "WORKBOOK_SHEETS": RuleText("file", "Le classeur a plusieurs feuilles : n'en gardez qu'une, puis renvoyez le fichier."),
    "WORKBOOK_FORMULA": RuleText("file", "Le classeur contient des formules : collez-en les valeurs, puis renvoyez le fichier."),
    "WORKBOOK_MERGED": RuleText("file", "Le classeur contient des cellules fusionnées : défusionnez-les, puis renvoyez le fichier."),
    "SET_DOUBLE": RuleText("file", "Le lot SIECLE contient deux fichiers de même nature : n'en gardez qu'un de chaque."),
    "SET_MIXED": RuleText("file", "Les fichiers du lot SIECLE ne sont pas du même établissement : renvoyez ceux d'un seul."),
    "BAD_SCHOOL_YEAR": RuleText("rejected", "L'année scolaire n'est pas de la forme 2025-2026 : corrigez-la."),
    "BAD_SIRET": RuleText("rejected", "Le SIRET n'a pas 14 chiffres ou sa clé est fausse : vérifiez-le."),
    "CONTRACT_WITHOUT_START": RuleText(
        "rejected", "Un contrat a une fin, une rupture ou une cause de rupture sans date de début : complétez-la, ou videz ces champs."
    ),
    "CONTRACT_DATES": RuleText("rejected", "La fin ou la rupture du contrat précède son début : vérifiez les dates."),
    "SIFA_CODE": RuleText("remark", "Le code n'est pas de la nomenclature SIFA de cette colonne : corrigez-le."),
    "SIFA_DURATION": RuleText("remark", "La durée de formation est hors des bornes SIFA (6 à 78 mois, 6 à 102 en réel) : vérifiez-la."),
    "SIFA_EN01": RuleText("remark", "L'INE ou l'identité figure déjà sur une autre ligne du fichier (contrôle EN01) : gardez la bonne."),
    "SIFA_IN02": RuleText("remark", "L'UAI est mal formé ou sa lettre de contrôle est fausse (contrôle IN02) : vérifiez-le."),
    "SIFA_IN04": RuleText(
        "remark", "L'établissement n'est pas ouvert à la date d'observation, ou ne figure pas au répertoire (contrôle IN04) : vérifiez-le."
    ),
    "SIFA_IN42": RuleText(
        "remark", "La rupture précède le début du contrat, ou l'une des dates est fausse (contrôle IN42) : vérifiez-les."
    ),
    "SIFA_IN51": RuleText("remark", "La commune et le code postal ne désignent pas le même lieu (contrôle IN51) : vérifiez les deux."),
    "SIFA_IN53": RuleText(
        "remark", "Le diplôme obtenu ne va pas avec une situation précédente au collège (contrôle IN53) : vérifiez les deux."
    ),
    "SIFA_IN56": RuleText("remark", "Hors de l'école l'année précédente, l'établissement est à coder 995 (contrôle IN56) : corrigez-le."),
    "SIFA_IN58": RuleText("remark", "Le SIRET de l'employeur n'a pas 14 chiffres (contrôle IN58) : corrigez-le."),
    "SIFA_IN59": RuleText("remark", "La clé du SIRET de l'employeur est fausse (contrôle IN59) : vérifiez-le."),
    "SIECLE_MEF_UNKNOWN": RuleText("remark", "Le code MEF n'est pas dans la nomenclature jointe au lot : vérifiez-le."),
    "STATUS_DIFFERS": RuleText(
        "remark", "Le statut annonce un abandon que les dates ne montrent pas ; elles seules comptent : ajoutez la rupture ou l'exclusion."
    ),
}


def sentence_of(rule: str) -> str:
    return RULES[rule].sentence
