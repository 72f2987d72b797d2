"""What is printed beside numbers: of documents, things and accounts, in several languages."""

from __future__ import annotations

from ml_backend.models.keywords.role import role

# fmt: off
_INVOICE = """
    invoice number, invoice no, invoice nr, invoice id, invoice, bill number, bill no, rechnungsnummer,
    rechnungs nr, rechnungsnr, rechnung nr, rechnung, numero de facture, numero facture, facture no, facture n,
    facture, n facture, numero de factura, factura no, factura n, factura, numero fattura, fattura n, fattura,
    n fattura, factuurnummer, factuur nr, factuur, numero da fatura, fatura no, fatura, document number,
    document no, belegnummer, beleg nr
"""
_NEAR_INVOICE = """
    inv no, inv, tax invoice no, tax inv no, bill, doc no, taxinv, inv number, tax invoice
"""

NUMBERS = (
    role("invoice number", "invoice_number", _INVOICE, near=_NEAR_INVOICE),
    # a receipt may call its number an invoice number, but not the other way round
    role("receipt number", "invoice_number", """
        receipt number, receipt no, receipt id, receipt, bon nr, bonnummer, kassenbon, quittungsnummer, ticket number,
        ticket no, ticket, numero de ticket, numero de recu, recu n, scontrino, scontrino n, recibo, numero de recibo,
        transaction number, transaction no, transaction id, kassenbonnummer, bon n
        """, near=f"""
        rcpt no, rcpt, recpt no, trans no, trx no, trn, slip no, chk no, check no, cb, sales no, trans, bon, ref no,
        cash bill no, {_INVOICE}, {_NEAR_INVOICE}
        """),
    role("order number", "invoice_number", """
        order number, order no, order id, order, purchase order, po number, po no, bestellnummer, bestell nr,
        auftragsnummer, auftrag, numero de commande, commande n, commande, numero de pedido, pedido, ordine,
        numero ordine, n ordine, bestelnummer, ordernummer, numero do pedido, auftrags nr, job number
        """, near="""
        your order, bestellung, po, ihre bestellung
        """),
    role("delivery number", "invoice_number", """
        delivery note, delivery number, delivery note number, lieferscheinnummer, lieferschein, bon de livraison,
        albaran, ddt, tracking number, tracking no, sendungsnummer, pakbon, shipment number, do no
        """, near="""
        lieferschein nr, numero de suivi, awb
        """),
    role("customer number", "invoice_number", """
        customer number, customer no, customer id, client number, client no, account number, account no, kundennummer,
        kunden nr, kundennr, numero client, numero de client, n client, code client, numero de cliente, codice cliente,
        klantnummer, member no, member id, membership number, contract number, vertragsnummer, policy number,
        case number, mitgliedsnummer
        """, near="""
        customer, acct no, a c no, member
        """),
    role("tax number", "invoice_number", """
        tax number, tax id, vat number, vat no, vat id, vat reg no, gst number, gst no, gst id, gst reg no,
        tax registration number, ust id, ust idnr, ust id nr, umsatzsteuer id, steuernummer, steuer nr, numero tva,
        numero de tva, tva intracommunautaire, nif, cif, partita iva, p iva, codice fiscale, btw nummer, btw nr, siret,
        siren, registration number, company number, reg no, handelsregisternummer, hrb, kvk, kvk nummer, cnpj, nipc,
        abn, ein, company reg no, registration no
        """, near="""
        gst reg, gst, gst id no, co reg no, co no, company no, roc no, rob no, n tva, tin
        """),
    role("serial", "serial", """
        s n, sn, serial number, serial no, serial, serial nr, seriennummer, serien nr, seriennr, numero de serie, n serie,
        no serie, numero serie, numero di serie, matricola, serienummer, fabriksnummer, fabriknummer, fabr nr, imei,
        machine number, geratenummer, n de serie
        """, near="""
        ser no, s no, ser nr, ser
        """),
    role("model", "model_number", """
        model number, model no, model, model nr, modell, modellnummer, modell nr, typ, type number, part number,
        part no, article number, article no, artikelnummer, artikel nr, teilenummer, item number, item no,
        product number, product code, product no, sku, modele, reference, ref produit, modelo, numero de modelo,
        modello, numero modello, codice articolo, codice prodotto, modelnummer, artikelnr, typenbezeichnung,
        materialnummer, bestellbezeichnung, model name, typenummer, referencia
        """, near="""
        mod, m n, p n, pn, mpn, type, art nr, art no, cat no, ref, mod no, tipo, e nr, prod no
        """),
    role("ean", "ean", """
        ean, ean code, ean 13, gtin, barcode, bar code, upc, strichcode, code barre, codigo de barras, codice a barre,
        streepjescode
        """),
    role("iban", "iban", """
        iban, bank account, bankverbindung, kontonummer, konto, compte bancaire, cuenta bancaria, conto corrente,
        rekeningnummer, rekening
        """),
)
# fmt: on
