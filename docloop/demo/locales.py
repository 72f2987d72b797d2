"""How receipts speak in each country: words, amounts, dates, addresses. Data only.

Every town and street is invented. Phone numbers (``#`` is a random digit) come from the ranges that regulators keep for
fiction: Ofcom (GB), NANPA 555-01xx (US), Bundesnetzagentur (DE), Arcep (FR); Spain keeps none, so that one cannot be dialled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

_KEYS = (
    "receipt_no", "invoice_no", "order_no", "date", "time", "phone", "net", "tax", "subtotal", "total", "cash",
    "card", "change", "till", "served", "thanks", "quantity", "item", "price", "amount", "room", "guest",
    "table", "tip", "from", "to", "distance", "pump", "litres", "arrival", "departure", "bill_to", "paid",
    "visit", "receipt", "invoice", "included",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Locale:
    """One country. ``rate`` is the tax in percent; ``tax_on_top``: prices are without it, as in the United States."""

    code: str
    language: str
    words: Mapping[str, str]
    money: str
    separators: tuple[str, str]  # of thousands, of decimals
    dates: tuple[str, str]  # short (strftime), long ({month} is the name)
    months: tuple[str, ...]
    rate: int
    streets: tuple[str, ...]
    towns: tuple[str, ...]
    phones: tuple[str, ...]
    tax_on_top: bool = False

    def number(self, cents: int) -> str:
        """12345 cents as 123.45 or 123,45."""
        group, point = self.separators
        whole = f"{cents // 100:,}".replace(",", group)
        return f"{whole}{point}{cents % 100:02d}"

    def amount(self, cents: int) -> str:
        """The number with the currency."""
        return self.money.format(self.number(cents))

    def short_date(self, day: date) -> str:
        return day.strftime(self.dates[0])

    def long_date(self, day: date) -> str:
        return self.dates[1].format(day=day.day, month=self.months[day.month - 1], year=day.year)


def _words(text: str) -> Mapping[str, str]:
    return dict(zip(_KEYS, text.split("|"), strict=True))


_ENGLISH_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_GERMAN_MONTHS = (
    "Januar", "Februar", "März", "April", "Mai", "Juni",
    "Juli", "August", "September", "Oktober", "November", "Dezember",
)  # fmt: skip
_FRENCH_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip
_SPANISH_MONTHS = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio",
    "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
)  # fmt: skip

LOCALES = (
    Locale(
        code="de",
        language="de",
        words=_words(
            "Bon-Nr.|Rechnungs-Nr.|Bestell-Nr.|Datum|Uhrzeit|Tel.|Netto|MwSt.|Zwischensumme|Summe|Bar|EC-Karte|"
            "Rückgeld|Kasse|Es bediente Sie|Vielen Dank für Ihren Einkauf!|Menge|Artikel|Preis|Betrag|Zimmer|"
            "Gast|Tisch|Trinkgeld|Von|Nach|Strecke|Säule|Liter|Anreise|Abreise|Rechnung an|Dankend erhalten|"
            "Auf Wiedersehen!|Quittung|Rechnung|enth."
        ),
        money="{} €",
        separators=(".", ","),
        dates=("%d.%m.%Y", "{day}. {month} {year}"),
        months=_GERMAN_MONTHS,
        rate=19,
        streets=("Musterstraße", "Am Erlenteich", "Birnbaumweg", "Kleine Mühlgasse", "Nirgendwoplatz"),
        towns=("12345 Musterstadt", "98765 Beispielhausen", "54321 Erfundingen"),
        phones=("030 23125 ###", "069 90009 ###", "040 66969 ###", "0221 4710 ###", "089 99998 ###"),
    ),
    Locale(
        code="gb",
        language="en",
        words=_words(
            "Receipt No|Invoice No|Order No|Date|Time|Tel|Net|VAT|Subtotal|Total|Cash|Card|Change|Till|Served by|"
            "Thank you for your custom!|Qty|Item|Price|Amount|Room|Guest|Table|Service|From|To|Distance|Pump|"
            "Litres|Arrival|Departure|Bill to|Paid with thanks|Please call again|Receipt|Invoice|incl."
        ),
        money="£{}",
        separators=(",", "."),
        dates=("%d/%m/%Y", "{day} {month} {year}"),
        months=_ENGLISH_MONTHS,
        rate=20,
        streets=("Nowhere Lane", "Placeholder Street", "Specimen Road", "Old Example Row"),
        towns=("Little Sampleton ZZ1 4QT", "Mockford ZZ7 2AB", "Upper Fiction ZZ3 9XX"),
        phones=("020 7946 0###", "0161 496 0###", "0113 496 0###", "0117 496 0###"),
    ),
    Locale(
        code="fr",
        language="fr",
        words=_words(
            "Ticket N°|Facture N°|Commande N°|Date|Heure|Tél.|Total HT|TVA|Sous-total|Total TTC|Espèces|"
            "Carte bancaire|Rendu|Caisse|Servi par|Merci de votre visite !|Qté|Article|Prix|Montant|Chambre|"
            "Client|Table|Service|De|À|Distance|Pompe|Litres|Arrivée|Départ|Facturé à|Payé, merci|À bientôt !|"
            "Reçu|Facture|dont"
        ),
        money="{} €",
        separators=(" ", ","),
        dates=("%d/%m/%Y", "{day} {month} {year}"),
        months=_FRENCH_MONTHS,
        rate=20,
        streets=("rue de l'Exemple", "avenue des Rêves", "place du Hasard", "impasse Imaginaire"),
        towns=("99123 Villefictive", "99456 Saint-Exemple", "99870 Modèle-sur-Rien"),
        phones=("01 99 00 ## ##", "02 61 91 ## ##", "03 53 01 ## ##", "04 65 71 ## ##", "05 36 49 ## ##"),
    ),
    Locale(
        code="us",
        language="en",
        words=_words(
            "Receipt #|Invoice #|Order #|Date|Time|Phone|Net|Sales Tax|Subtotal|Total|Cash|Credit|Change|"
            "Register|Your cashier|Thank you, come again!|Qty|Item|Price|Amount|Room|Guest|Table|Gratuity|From|"
            "To|Distance|Pump|Gallons|Check-in|Check-out|Bill to|Paid in full|Have a nice day|Receipt|Invoice|"
            "incl."
        ),
        money="${}",
        separators=(",", "."),
        dates=("%m/%d/%Y", "{month} {day}, {year}"),
        months=_ENGLISH_MONTHS,
        rate=8,
        streets=("Placeholder Ave", "Specimen Blvd", "N Imaginary St", "Mockingbird Example Rd"),
        towns=("Sampleville, ZZ 00123", "Fictionburg, ZZ 00456", "Nowhere Springs, ZZ 00789"),
        phones=("(212) 555-01##", "(415) 555-01##", "(312) 555-01##", "(206) 555-01##"),
        tax_on_top=True,
    ),
    Locale(
        code="es",
        language="es",
        words=_words(
            "Ticket N.º|Factura N.º|Pedido N.º|Fecha|Hora|Tel.|Base imponible|IVA|Subtotal|Total|Efectivo|"
            "Tarjeta|Cambio|Caja|Le atendió|¡Gracias por su visita!|Cant.|Artículo|Precio|Importe|Habitación|"
            "Cliente|Mesa|Propina|Desde|Hasta|Distancia|Surtidor|Litros|Llegada|Salida|Facturar a|"
            "Pagado, gracias|¡Hasta pronto!|Recibo|Factura|incl."
        ),
        money="{} €",
        separators=(".", ","),
        dates=("%d/%m/%Y", "{day} de {month} de {year}"),
        months=_SPANISH_MONTHS,
        rate=21,
        streets=("Calle del Ejemplo", "Plaza Imaginaria", "Avenida de Ninguna Parte", "Paseo del Invento"),
        towns=("99123 Villaejemplo", "99045 San Ficticio", "99310 Puebla de la Muestra"),
        phones=("000 00 ## ##", "000 01 ## ##"),
    ),
)
