"""What is sold, and by whom: invented shops, their goods and prices. Data only.

``GOODS[kind]`` has prices in cents, and as many names in each language. ``SHOPS[kind]`` has one name a country, in the order of
``LOCALES``: de, gb, fr, us, es.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goods:
    """Prices in cents, and the names that go with them by language."""

    prices: tuple[int, ...]
    names: Mapping[str, tuple[str, ...]]


def _goods(prices: str, **names: str) -> Goods:
    cents = tuple(int(price) for price in prices.split())
    split = {language: tuple(text.split("|")) for language, text in names.items()}
    if wrong := [language for language, texts in split.items() if len(texts) != len(cents)]:
        raise ValueError(f"goods need one name a price, but not so: {wrong}")
    return Goods(cents, split)


GOODS: Mapping[str, Goods] = {
    "supermarket": _goods(
        "129 219 349 189 99 279 449 159 325 89 599 175",
        de="Vollmilch 3,5% 1L|Bauernbrot 750g|Bergkäse 200g|Bio Eier 6er|Gurke Stk|"
        "Tomaten Rispe|Kaffee gemahlen|Butter 250g|"
        "Olivenöl|Spaghetti 500g|Waschmittel|Apfelsaft 1L",
        en="WHOLE MILK 2L|BROWN BREAD LOAF|CHEDDAR 200G|FREE RANGE EGGS 6|CUCUMBER|"
        "VINE TOMATOES|GROUND COFFEE|SALTED BUTTER|"
        "OLIVE OIL|SPAGHETTI 500G|LAUNDRY LIQUID|APPLE JUICE 1L",
        fr="LAIT ENTIER 1L|PAIN DE CAMPAGNE|COMTE 200G|OEUFS PLEIN AIR X6|CONCOMBRE|"
        "TOMATES GRAPPE|CAFE MOULU|BEURRE DOUX|"
        "HUILE D'OLIVE|SPAGHETTI 500G|LESSIVE LIQUIDE|JUS DE POMME 1L",
        es="LECHE ENTERA 1L|PAN DE PUEBLO|QUESO CURADO 200G|HUEVOS CAMPEROS 6|PEPINO|"
        "TOMATE RAMA|CAFE MOLIDO|MANTEQUILLA|"
        "ACEITE DE OLIVA|ESPAGUETIS 500G|DETERGENTE|ZUMO MANZANA 1L",
    ),
    "cafe": _goods(
        "340 290 390 420 275 450 310 360",
        de="Cappuccino|Espresso doppio|Milchkaffee|Käsekuchen|Croissant|Apfelstrudel|Kännchen Tee|Heiße Schokolade",
        en="Cappuccino|Double espresso|Flat white|Carrot cake|Butter croissant|Apple pie|Pot of tea|Hot chocolate",
        fr="Cappuccino|Double expresso|Café crème|Tarte au citron|Croissant|Tarte Tatin|Théière|Chocolat chaud",
        es="Capuchino|Espresso doble|Café con leche|Tarta de queso|Cruasán|Tarta de manzana|"
        "Tetera|Chocolate caliente",
    ),
    "restaurant": _goods(
        "890 1450 1890 1290 650 480 390 590",
        de="Kürbissuppe|Käsespätzle|Wiener Schnitzel|Gemüsecurry|Rote Grütze|Riesling 0,2|"
        "Mineralwasser 0,75|Weizen 0,5",
        en="Pumpkin soup|Fish and chips|Sirloin steak|Vegetable curry|Sticky pudding|"
        "House white 175ml|Sparkling water|Pale ale",
        fr="Soupe à l'oignon|Moules frites|Entrecôte|Ratatouille|Crème brûlée|"
        "Verre de blanc|Eau gazeuse|Pression 50cl",
        es="Gazpacho|Tortilla de patatas|Chuletón|Pisto|Crema catalana|Copa de blanco|Agua con gas|Cerveza 50cl",
    ),
    "pharmacy": _goods(
        "595 1249 379 849 1690 425 275",
        de="Hustensaft 100ml|Nasenspray 2x10ml|Pflaster Set|Vitamin D 60 St|Sonnencreme LSF50|Handcreme|Kamillentee",
        en="Cough syrup 100ml|Nasal spray 2x10ml|Plaster set|Vitamin D 60 tabs|"
        "Sun cream SPF50|Hand cream|Camomile tea",
        fr="Sirop toux 100ml|Spray nasal 2x10ml|Pansements|Vitamine D 60 cp|Crème solaire 50|Crème mains|Tisane",
        es="Jarabe tos 100ml|Spray nasal 2x10ml|Tiritas|Vitamina D 60 comp|Crema solar 50|Crema de manos|Manzanilla",
    ),
    "hardware": _goods(
        "1299 459 2490 799 189 3495 649 1095",
        de="Akkubohrer-Bits 32tlg|Holzdübel 8mm|Wandfarbe weiß 10L|Malerkrepp 50m|"
        "Schrauben 4x40|Wasserwaage 60cm|Pinsel Set|LED E27",
        en="Drill bit set 32 pc|Dowels 8 mm|Wall paint white 10 l|Masking tape 50 m|"
        "Screws 4x40|Spirit level 60 cm|Brush set|LED E27",
        fr="Coffret embouts 32 p|Chevilles bois 8 mm|Peinture blanche 10 l|Ruban masquage|"
        "Vis 4x40|Niveau 60 cm|Pinceaux|LED E27",
        es="Juego puntas 32 pz|Tacos madera 8 mm|Pintura blanca 10 l|Cinta carrocero|"
        "Tornillos 4x40|Nivel 60 cm|Brochas|LED E27",
    ),
    "online": _goods(
        "2999 1495 8990 4595 1999 649",
        de="Kopfhörer Modell Wolke 2|USB-C Kabel 2 m|Schreibtischlampe Falter|"
        "Rucksack Wanderdüne 20 L|Trinkflasche 0,7 L|Notizbuch A5",
        en="Headphones Cloud 2|USB-C cable 2 m|Desk lamp Moth|Backpack Dune 20 l|Water bottle 0.7 l|Notebook A5",
        fr="Casque Nuage 2|Câble USB-C 2 m|Lampe de bureau Phalène|Sac à dos Dune 20 l|Gourde 0,7 l|Carnet A5",
        es="Auriculares Nube 2|Cable USB-C 2 m|Lámpara Polilla|Mochila Duna 20 l|Botella 0,7 l|Cuaderno A5",
    ),
    "petrol": _goods(
        "176 169 182",
        de="Super E10|Diesel|Super Plus", en="Unleaded|Diesel|Super Unleaded",
        fr="SP95-E10|Gazole|SP98", es="Gasolina 95|Gasóleo A|Gasolina 98",
    ),
    "taxi": _goods(
        "390 220 150",
        de="Grundpreis|Kilometer|Gepäck", en="Base fare|Mileage|Luggage",
        fr="Prise en charge|Kilomètres|Bagage", es="Bajada de bandera|Kilómetros|Equipaje",
    ),
    "hotel": _goods(
        "9800 1450 1200 850",
        de="Übernachtung|Frühstücksbuffet|Tiefgarage|Minibar", en="Overnight stay|Breakfast buffet|Parking|Minibar",
        fr="Hébergement|Petit-déjeuner|Parking|Minibar", es="Alojamiento|Desayuno bufé|Aparcamiento|Minibar",
    ),
}  # fmt: skip

SHOPS: Mapping[str, tuple[str, ...]] = {
    "supermarket": (
        "Frischemarkt Zwiebelkorb", "Turnip & Sons Foodhall", "Marché du Panier Bleu", "Pickle Barn Market", "Súper La Cesta",
    ),
    "cafe": (
        "Café Wolkenlos", "The Dozing Badger", "Café de la Lune Rousse", "Paper Moth Coffee", "Café El Gato Azul",
    ),
    "petrol": (
        "Tankstelle Sandmann", "Hollow Hill Service Station", "Station des Trois Chênes",
        "Roadrunner Fuel Stop", "Gasolinera El Faro",
    ),
    "hotel": (
        "Hotel Drei Laternen", "The Crooked Heron Hotel", "Hôtel du Vieux Phare", "Tumbleweed Inn", "Hotel Mirador del Olmo",
    ),
    "taxi": ("Taxi Blitzhorn", "Owl Street Cabs", "Taxi Hirondelle", "Yellow Finch Cab Co", "Radio Taxi Golondrina"),
    "pharmacy": (
        "Apotheke zum Goldenen Igel", "Larkspur Chemist", "Pharmacie du Tilleul", "Juniper Corner Drugs", "Farmacia La Encina",
    ),
    "hardware": (
        "Baumarkt Hammerschlag", "Nutt & Bolt Hardware", "Bricolage Tournevis", "Big Wrench Supply", "Ferretería Tuerca",
    ),
    "online": (
        "Kramkiste Versand GmbH", "Parcelwren Ltd", "Colibri Colis SARL", "Boxturtle Goods Inc", "Paquetería Lince SL",
    ),
    "restaurant": (
        "Gasthaus Alte Mühle", "The Copper Kettle Inn", "Bistrot des Deux Pies", "Blue Gnu Diner", "Mesón La Higuera",
    ),
}  # fmt: skip

PEOPLE = ("M. Muster", "A. Sample", "J. Exemple", "P. Ficticio", "L. Nobody", "C. Beispiel")
