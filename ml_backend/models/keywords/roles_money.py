"""What is printed beside amounts of money, in several languages."""

from __future__ import annotations

from ml_backend.models.keywords.role import role

# fmt: off
AMOUNTS = (
    role("total", "amount", """
        total, grand total, total amount, amount total, total due, amount due, balance due, total price, invoice total,
        sum total, gesamtbetrag, gesamtsumme, endbetrag, rechnungsbetrag, bruttobetrag, summe, gesamt, betrag,
        zu zahlen, brutto, total ttc, montant total, montant, montant ttc, net a payer, somme, total general, importe,
        importe total, total a pagar, totale, importo, importo totale, totale fattura, totale complessivo, valor total,
        valor, total geral, totaal, totaalbedrag, bedrag, eindbedrag, te betalen, suma, kwota, amount payable,
        total payable, amount, gross amount
        """, near="""
        ttl, tl, total amt, total sales, total incl, total inclusive, total sales incl, total sales inclusive,
        total amt incl, total amt payable, total rounded, total after rounding, rounded total, nett total, net total,
        total payment, nett amount, net amount due, total with tax, total inc, total rm, jumlah, jumlah besar, a pagar,
        a payer, zu bezahlen, total eur, totale a pagare, totale euro, total bill, bill total, round total,
        total rounding, balance payable, net amt
        """),
    role("subtotal", "amount", """
        subtotal, sub total, net amount, net total amount, total net, total before tax, zwischensumme, nettobetrag,
        netto, nettosumme, sous total, total ht, montant ht, base imponible, imponibile, subtotale, subtotaal,
        totaal excl, exkl mwst, zzgl mwst, taxable amount, amount excl
        """, near="""
        total excl, total excluding, total sales excl, total sales excluding, total ex, excluding gst, excluding tax,
        sub ttl, before tax, total without tax, total amt excl, sub totl, subtl, amt excl, total exclude, excl gst,
        bedrag excl
        """),
    role("tax", "amount", """
        tax, vat, gst, tax amount, vat amount, gst amount, sales tax, total tax, total gst, total vat, mwst,
        mehrwertsteuer, ust, umsatzsteuer, steuer, steuerbetrag, mwst betrag, tva, montant tva, taxe, iva, impuesto,
        impuestos, importe iva, imposta, btw, btw bedrag, imposto, hst, pst, sst, total iva, total tva, service tax
        """, near="""
        total includes, total included, total include, includes gst, gst included, gst payable, gst 6, tax 6, gst amt,
        tax amt, total gst amount, total tax amount, add gst, davon mwst, inkl mwst, dont tva
        """),
    role("paid", "amount", """
        paid, amount paid, cash, cash paid, tendered, payment, paid amount, bezahlt, gegeben, bar, gezahlt, paye,
        especes, pagado, efectivo, entregado, pagato, contanti, betaald, contant, pago
        """, near="""
        total paid, amount tendered, cash tendered, cash tender, tender, visa, mastercard, master, credit card,
        debit card, amex, mydebit, card, kreditkarte, girocard, ec karte, carte bancaire, tarjeta, carta, kaart, pin,
        received, tunai, payment cash, cash rm, maestro, deposit, rcvd, cash received, paid cash, amount received,
        credit, e wallet, voucher
        """),
    role("change", "amount", """
        change, change due, cash change, wechselgeld, ruckgeld, zuruck, rendu, monnaie, monnaie rendue, cambio, vuelto,
        resto, troco, wisselgeld, terug, baki
        """, near="""
        change rm, change amount, total change, balance change, your change
        """),
    role("discount", "amount", """
        discount, rabatt, nachlass, remise, descuento, sconto, korting, desconto, skonto, rebate, total discount
        """, near="""
        disc, saving, savings, total saving, total savings, you saved, total disc, promo, promotion, promotional saving
        """),
    role("rounding", "amount", """
        rounding, rundung, arrondi, redondeo, arrotondamento, afronding
        """, near="""
        rounding adjustment, rounding adj, rounding adjust, round off, rounded adj, bill rounding, round adj,
        total rounding adj, total rounding adjustment, rnd adj
        """),
    role("fee", "amount", """
        shipping, delivery fee, service charge, fee, versand, versandkosten, frais de port, livraison, envio,
        gastos de envio, spedizione, verzendkosten, tip, trinkgeld, pourboire, propina, charge
        """, near="""
        svc charge, serv charge, svr chrg, service charges, delivery charge, porto, shipping handling, svc chg,
        service chg
        """),
    role("price", "amount", """
        price, unit price, preis, einzelpreis, prix, prix unitaire, precio, precio unitario, prezzo, prezzo unitario,
        prijs, preco
        """, near="""
        u price, s price, rate, unit, each, per unit, price rm
        """),
    role("not money", "text", """
        quantity, qty, menge, anzahl, quantite, cantidad, quantita, aantal, quantidade, count, points, weight, gewicht,
        poids, peso
        """, near="""
        total qty, total quantity, total item, total items, total no of items, item count, no of items, total points,
        pts, items, supplies, supplies inc, total supplies, total qty tender, points earned, item s, total unit,
        number of items, gst summary, tax summary, tax code, liter, litre, litres, pump, volume, total pts,
        balance points, rate per, exchange rate, gst id, gst no, gst reg no, account no, tel
        """),
)
# fmt: on
