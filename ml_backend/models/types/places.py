"""How far a line of text looks like a part of an address, a company's name, or a person's name."""

from __future__ import annotations

import re

from ml_backend.models.plain_text import normalise


def _any_of(words: str, before: str = r"(?<![^\W_])") -> re.Pattern[str]:
    """Any of the words, whole, in normalised text; ``before`` is what must stand in front of it."""
    return re.compile(f"{before}(?:{'|'.join(sorted(set(words.split()), key=len, reverse=True))})(?![^\\W_])")


_STREET = _any_of("""
    street st road rd avenue ave lane ln drive dr boulevard blvd square sq highway hwy way court plaza suite floor flr unit
    block blk building bldg level lot po box tower park mall centre center
    strasse str weg platz allee gasse ring ufer postfach
    rue avenue bd chemin impasse quai place cedex bp route
    calle carrer avenida avda plaza paseo carretera ctra piso
    via viale piazza corso vicolo largo
    rua avenida travessa praca andar
    straat laan plein kade postbus
    jalan jln taman tmn lorong kampung kg bandar bdr kawasan perindustrian seksyen sek persiaran lebuh lebuhraya pusat
    bangunan wisma tingkat menara desa batu
""")
_STREET_END = _any_of("strasse str weg platz allee gasse straat laan plein damm ufer", before=r"(?<!\w)\w{3,}")
_POSTCODE = re.compile(
    r"(?<![\d.,/-])(?:[A-Z]{1,2}-)?\d{5}(?:-\d{4})?(?![\d/]|[.,]\d)\s*,?\s*[A-Z]|(?<![\d.,/-])\d{4}\s?(?:[A-Z]{2}\s)?[A-Z][a-z]{2,}"
    r"|\b[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b|\b[A-Z]{2}\s\d{5}\b|\d{5}-\d{3}|\d{4}-\d{3}"
)
_HOUSE = re.compile(
    r"^\W*(?:(?:no|nr|lot|unit|n°)\b[.:\s]*)?[A-Z]{0,2}-?\d{1,6}[\w/&-]{0,12}\s?[.,]?\s+\w{3,}"
    r"|(?<!\w)[^\W\d_]{4,}\s\d{1,4}\s?[a-z]?$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^\W*(?:no|lot|unit|level|blk|block)\b\W*\d", re.IGNORECASE)

LEGAL_FORM = re.compile(
    r"(?<![^\W_])(?:"
    r"sdn\.?\s?b[hn][do]|s/b|bhd|pte\.?\s?ltd|ltd|limited|llc|llp|plc|plt|inc|incorporated|corp|corporation|co(?:mpany)?\.?\s?ltd|"
    r"pty\.?\s?ltd|gmbh(?:\s?&\s?co\.?\s?kg)?|ohg|gbr|e\.\s?k|e\.\s?v|sarl|s\.a\.r\.l|sas|s\.a\.s|s\.a|eurl|sci|s\.l|s\.l\.u|slu|"
    r"s\.r\.l|srl|s\.p\.a|s\.n\.c|lda|ltda|b\.v|n\.v|vof|oyj|a/s|aps|sp\.?\s?z\.?\s?o\.?\s?o|s\.r\.o|kft"
    # short ones are words of some language: they count in capitals, behind a name
    r"|(?-i:AG|KG|UG|SE|SA|SL|BV|NV|OY|AB|AS|SB|SPA)(?=\s*$|\s*[,(]))"
    r"(?![^\W_])\.?",
    re.IGNORECASE,
)
_TRADE = _any_of("""
    restaurant restoran cafe coffee bakery bakeries bar pub hotel pizzeria bistro food foods seafood kitchen store stores shop
    mart market supermarket minimarket hypermarket mini grocery pharmacy farmasi clinic klinik dental hardware stationery books
    bookstore bookshop electrical electronics trading enterprise enterprises services service station petrol company co group
    holdings international industries industry boutique fashion optical salon spa auto motor motors workshop printing paper
    florist studio gallery cinema cinemas toys furniture engineering consulting solutions technologies systems labs bank
    university school cash carry pasar pasaraya kedai syarikat perniagaan
    apotheke backerei metzgerei buchhandlung markt baumarkt laden gasthaus gaststatte universitat
    pharmacie boulangerie boucherie librairie epicerie magasin garage
    farmacia pasteleria tienda mercado supermercado restaurante
    ristorante negozio libreria panificio alimentari
    winkel bakkerij slagerij boekhandel
    padaria loja livraria
""")


_JOB = _any_of("""
    manager director engineer developer consultant officer ceo cto cfo coo president founder partner head lead assistant analyst
    architect designer accountant lawyer attorney sales representative executive specialist coordinator supervisor professor
    leiter leiterin geschaftsfuhrer geschaftsfuhrerin ingenieur ingenieurin berater beraterin referent referentin entwickler
    entwicklerin inhaber inhaberin vertrieb assistenz
    directeur directrice ingenieur responsable chef gerant gerante conseiller conseillere
    gerente ingeniero ingeniera jefe consultor abogado
    direttore direttrice responsabile ingegnere titolare consulente avvocato
    diretor engenheiro engenheira advogado adviseur directeur medewerker
""")
_TITLE = re.compile(r"^(?:(?:mr|mrs|ms|dr|prof|ing|herr|frau|m|mme|sr|sra|dott|dhr|mevr)\.?\s+)+", re.IGNORECASE)


def address_points(text: str) -> float:
    """How much the line looks like a part of a postal address: 0 is not at all, 2 a street or a town with its postcode."""
    plain = normalise(text)
    points = 1.5 * min(2, len(_STREET.findall(plain))) + (1.5 if _STREET_END.search(plain) else 0.0)
    points += 1.5 if _POSTCODE.search(text) else 0.0
    points += 1.0 if _NUMBERED.search(text) else 0.5 if _HOUSE.search(text) else 0.0
    return points + (0.4 if text.rstrip().endswith(",") else 0.0) + 0.2 * min(2, text.count(","))


def company_points(text: str) -> float:
    """How much the line looks like a company's name: 3 for a legal form, 1 for a word of a trade."""
    points = 3.0 if LEGAL_FORM.search(text) else 0.0
    points += 1.0 if _TRADE.search(normalise(text)) else 0.0
    letters = sum(c.isalpha() for c in text)
    digits = sum(c.isdigit() for c in text)
    if letters < 3 or digits > letters:
        return -5.0
    return points - 2.0 * digits / (letters + digits)


def without_title(text: str) -> str:
    """A person's name without Mr, Dr and the like."""
    return _TITLE.sub("", text)


def is_job(text: str) -> bool:
    """Whether the line holds a word of a job, such as manager or Leiterin, and no digits."""
    return bool(_JOB.search(normalise(text))) and not any(c.isdigit() for c in text) and len(text.split()) <= 6


def is_person(text: str) -> bool:
    """Whether the line is two to four capitalised words of letters, as a name on a card is."""
    words = without_title(text).split()
    return 2 <= len(words) <= 4 and all(
        re.fullmatch(r"[^\W\d_](?:[^\W\d_]|['’.-])*", w) and w[0].isupper() for w in words
    )
