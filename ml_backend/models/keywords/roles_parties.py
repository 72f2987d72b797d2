"""What is printed beside companies, people, and how to reach them, in several languages."""

from __future__ import annotations

from ml_backend.models.keywords.role import role

# fmt: off
PARTIES = (
    role("vendor", "company", """
        company, vendor, supplier, seller, shop, store, merchant, shop name, store name, company name, vendor name,
        supplier name, merchant name, business name, organization, organisation, firma, firmenname, unternehmen,
        lieferant, verkaufer, handler, aussteller, rechnungssteller, entreprise, societe, fournisseur, vendeur, magasin,
        raison sociale, empresa, proveedor, vendedor, tienda, comercio, azienda, ditta, fornitore, venditore, negozio,
        bedrijf, bedrijfsnaam, leverancier, verkoper, winkel, fornecedor, loja, issuer, brand, manufacturer, hersteller,
        fabricant, fabricante, produttore, fabrikant, employer
        """, near="""
        sold by, issued by, manufactured by, made by, emetteur
        """),
    role("customer", "company", """
        customer, customer name, buyer, client, bill to, invoice to, sold to, kunde, kundenname, kaufer,
        rechnungsempfanger, empfanger, acheteur, client name, nom du client, cliente, nombre del cliente, comprador,
        acquirente, destinatario, klant, koper, afnemer, recipient, consignee, debtor, auftraggeber
        """, near="""
        billed to, to, ship to, rechnung an, facture a, facturar a, spett le, fatturare a, factuur aan
        """),
    role("address", "address", """
        address, vendor address, shop address, store address, company address, supplier address, street address,
        location, adresse, anschrift, firmenadresse, strasse, wohnort, standort, direccion, domicilio, indirizzo, sede,
        adres, endereco, morada, merchant address, seller address
        """, near="""
        addr, add, alamat, office, head office, shop at
        """),
    role("customer address", "address", """
        customer address, billing address, shipping address, delivery address, rechnungsadresse, lieferadresse,
        lieferanschrift, rechnungsanschrift, kundenadresse, adresse de livraison, adresse de facturation,
        adresse client, direccion de envio, direccion de entrega, direccion de facturacion, indirizzo di consegna,
        indirizzo di fatturazione, afleveradres, factuuradres, leveradres, bill to address, ship to address,
        recipient address
        """, near="""
        bill to, ship to, deliver to, lieferung an, rechnung an, invoice to
        """),
    role("person", "person", """
        person, name, full name, contact, contact person, contact name, employee, employee name, author name,
        patient name, cashier, salesperson, sales rep, clerk, waiter, server, author, signatory, patient, doctor,
        vorname, nachname, ansprechpartner, kontaktperson, bearbeiter, kassierer, mitarbeiter, sachbearbeiter, nom,
        prenom, vendeur nom, contacto, nombre, apellido, empleado, cajero, nome, cognome, persona, cassiere, operatore,
        naam, contactpersoon, medewerker, persoon, nom complet, interlocuteur, operator, agent, student, owner
        """, near="""
        served by, attn, attention, es bediente sie, servi par, le atendio, cajera, caissier, mr, mrs, herr, frau,
        staff, bedient von
        """),
    role("job title", "text", """
        job title, title, position, function, occupation, role, berufsbezeichnung, funktion, beruf, titel, stelle,
        fonction, poste, titre, cargo, puesto, ruolo, mansione, funcao, functie, functietitel
        """),
    role("phone", "phone", """
        phone, telephone, phone number, telephone number, tel, tel no, mobile, mobile phone, cell, cell phone, handy,
        mobil, telefon, telefonnummer, rufnummer, mobilnummer, handynummer, numero de telephone, portable, telefono,
        movil, numero di telefono, cellulare, telefone, telemovel, celular, telefoon, telefoonnummer, gsm, hotline,
        contact number, whatsapp, office phone
        """, near="""
        ph, hp, h p, t, m, call, customer service, contact no, telp, fon, tlf, tel fax, h p no, hotline no
        """),
    role("fax", "phone", """
        fax, fax number, fax no, telefax, faxnummer, telecopie, numero de fax, faxnr
        """, near="""
        f
        """),
    role("email", "email", """
        email, e mail, mail, email address, e mail address, mail address, mailadresse, email adresse, courriel,
        adresse mail, adresse email, correo, correo electronico, posta elettronica, indirizzo email, emailadres,
        mailadres
        """),
    role("url", "url", """
        url, website, web, web site, homepage, web address, internet, webseite, internetseite, site web, site internet,
        sitio web, pagina web, sito web, sito, webadres, link
        """, near="""
        visit us, www
        """),
)
# fmt: on
