"""What is printed beside dates, in several languages."""

from __future__ import annotations

from ml_backend.models.keywords.role import role

# fmt: off
DATES = (
    role("date", "date", """
        date, invoice date, receipt date, bill date, issue date, date of issue, order date, transaction date,
        purchase date, datum, rechnungsdatum, belegdatum, bestelldatum, ausstellungsdatum, date facture,
        date de facture, date de la facture, fecha, fecha de factura, fecha factura, fecha de emision, data,
        data fattura, data emissione, data de emissao, data da fatura, factuurdatum, data documento, document date,
        sales date, date d emission
        """, near="""
        dated, date time, inv date, doc date, tarikh, bill dt, dt, le, vom, del
        """),
    role("due date", "date", """
        due date, date due, payment due, due, payment due date, due by, pay by, falligkeitsdatum, fallig, fallig am,
        zahlbar bis, zahlungsziel, echeance, date d echeance, date limite, fecha de vencimiento, vencimiento, scadenza,
        data scadenza, data di scadenza, vervaldatum, vervaldag, data de vencimento, vencimento, payable by
        """, near="""
        due on, a regler avant, te betalen voor, bis zum
        """),
    role("delivery date", "date", """
        delivery date, date of delivery, ship date, shipping date, service date, lieferdatum, leistungsdatum,
        date de livraison, fecha de entrega, data di consegna, data consegna, leverdatum, data de entrega, liefertermin
        """, near="""
        delivered on, shipped
        """),
    role("birth date", "date", """
        birth date, date of birth, birthday, dob, geburtsdatum, geburtstag, date de naissance, fecha de nacimiento,
        data di nascita, data de nascimento, geboortedatum
        """, near="""
        born, geboren am, ne le, nee le
        """),
    role("expiry date", "date", """
        expiry date, expiration date, expires, valid until, valid to, best before, gultig bis, ablaufdatum,
        mindestens haltbar bis, mhd, date d expiration, valable jusqu au, fecha de caducidad, valido hasta,
        data di scadenza documento, geldig tot, houdbaar tot, validade, valid thru, return by, expiry, exp date
        """, near="""
        exp, until, before, valid, use by, umtausch bis
        """),
    role("manufacture date", "date", """
        manufacture date, date of manufacture, mfg date, production date, herstelldatum, herstellungsdatum, baujahr,
        date de fabrication, fecha de fabricacion, data di produzione, productiedatum
        """, near="""
        mfd, mfg, manufactured
        """),
    role("printed", "date", """
        print date, printed
        """, near="""
        printed on, print time, date printed, effective, effective from, since, wef
        """),
)
# fmt: on
