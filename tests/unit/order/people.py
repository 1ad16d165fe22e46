"""People of the world, as they write themselves into a form. Each lives at no address that there is."""

from typing import Any, Final

Person = dict[str, str]


def _person(  # noqa: PLR0913, PLR0917 - a row of a table
    country: str, email: str, name: str, line1: str, city: str, postal_code: str = "", region: str = "", line2: str = ""
) -> Person:
    given = {"line1": line1, "line2": line2, "city": city, "region": region, "postal_code": postal_code}
    return {"email": email, "name": name, "country": country, **{key: text for key, text in given.items() if text}}


ACCEPTED: Final = (
    _person("AT", "s.huber@bücher.example", "Sebastian Huber", "Große Gasse 3/2/14", "Wien", "1010"),
    _person("AU", "mia+parcels@example.com.au", "Mia O'Hara", "Unit 5/77 Beach Rd", "Fremantle", "6160", "WA"),
    _person("BE", "an@example.be", "An Janssens-Dupré", "Kattestraat 8 bus 2", "Gent", "9000"),
    _person("BG", "ivan@пример.example", "Иван Ангелов", "ул. Шипка 12, вх. Б, ет. 3", "София", "1504"),
    _person("CA", "j@example.ca", "Jean-Sébastien Tremblay", "1450, rue St-Denis", "Montréal", "H2X 3J6", "QC"),
    _person("CH", "urs@example.ch", "Ursina Keller", "Via Nova 5", "Chur", "7000", "GR", "c/o Bäckerei Meyer"),
    _person("CY", "maria@example.com.cy", "Μαρία Χατζή", "Λεωφ. Μακαρίου 7", "Λευκωσία", "1065"),
    _person("CZ", "tomas@example.cz", "Tomáš Dvořák", "Náměstí Míru 7/3", "Plzeň", "301 00"),
    _person("DE", "a.b-c_d@sub.example.de", "Dr. Käthe Öz-Groß", "c/o Ziegler, Hinterhaus", "Köln-Süd", "50667"),
    _person("DK", "mads@example.dk", "Mads Ærø", "Åboulevarden 3, 2. tv.", "Aarhus", "8000"),
    _person("EE", "ott@example.ee", "Õnne Pärl", "Pärnu mnt 12–4", "Tallinn", "10146"),
    _person("ES", "lucia@example.es", "Lucía García Íñiguez", "C/ Mayor, s/n", "Cáceres", "10003", "Cáceres", "2º B"),
    _person("FI", "p@example.fi", "Päivi Yli-Äänenkoski", "Mannerheimintie 5 B 17", "Helsinki", "00100"),
    _person("FR", "claire@example.fr", "Claire L’Hôte", "12\u00a0bis rue de l’Église", "Saint-Étienne", "42000"),
    _person("GB", "o'brien@example.co.uk", "Ngozi O'Brien", "Flat 3, 9 Mill Lane", "Leeds", "LS1 4AB", "West Yorks"),
    _person("GR", "eleni@example.gr", "Ελένη Παπαδοπούλου", "Ερμού 45", "Θεσσαλονίκη", "546 24"),
    _person("HU", "nagy@example.hu", "Nagy Ödön", "Fő utca 2. fszt. 1.", "Győr", "9021"),
    _person("IE", "aoife@example.ie", "Aoife Ní Chonaill", "12 Barrack Street", "Cork"),
    _person("IS", "gudrun@example.is", "Guðrún Þórsdóttir", "Laugavegur 22", "Reykjavík", "101"),
    _person("IT", "ricci@example.it", "Niccolò D’Amico", "Via dell’Orso 16", "Ferrara", "44121", "FE", "Scala B"),
    _person("JP", "taro@例え.example", "山田\u3000太郎", "丸の内1丁目9番1号", "千代田区", "〒100-0005", "東京都"),
    _person("LI", "l@example.li", "Lorenz Öhri", "Städtle 1", "Vaduz", "9490"),
    _person("NL", "m@example.nl", "Marijke van 't Hof", "Oude Gracht 221-II", "Utrecht", "3511 NH"),
    _person("NO", "ida@example.no", "Ida Åsæther", "Strandgata 40", "Tromsø", "9008"),
    _person("NZ", "tui@example.nz", "Tui Walker", "18 Kauri Road", "Whangārei", "0110", line2="RD 2"),
    _person("PL", "z@example.pl", "Zofia Żółć", "ul. Św. Marcina 12/4", "Łódź", "90-001"),
    _person("PT", "b@example.pt", "Beatriz de Sá", "R. das Flores 110, 3.º Esq.", "Porto", "4050-262"),
    _person("RO", "i@example.ro", "Ioana Brâncuși", "Str. Lungă 8, bl. A1, sc. B", "Brașov", "500035", "Brașov"),
    _person("SE", "k@example.se", "Karin Lindqvist", "Storgatan 14", "Umeå", "903 26", line2="lgh 1203"),
    _person("US", "linh+shop@example.com", "Linh Nguyễn 👩\u200d🚀", "48 Oak Ave", "San José", "95112", "CA", "Apt 12"),
    # Customs that the rules must not mistake for mistakes.
    _person("de", "x@example.de", "X", "1", "Y", "no such code"),
    _person("GB", "prince@example.co.uk", "می\u200cخواهم", "The Old Forge", "Ae", "DG1 1AA"),
    _person("DE", "n@example.de", "\U0001fae9 Neu", "Straße 1", "Berlin", "10115"),
)
"""Each is accepted, and what is accepted can be mailed, packed and shipped."""

_ADA: Final = ACCEPTED[8]

REFUSED: Final[tuple[tuple[dict[str, str], str], ...]] = (
    ({"country": "AQ"}, "shipping_address.country: we don't ship to AQ; we ship to AT, AU, "),
    ({"country": "VE"}, "shipping_address.country: we don't ship to VE; we ship to "),
    ({"country": "UK"}, "shipping_address.country: 'UK' is no country's code: give the two letters of ISO 3166-1"),
    ({"country": "Germany"}, "shipping_address.country: 'Germany' is no country's code"),
    ({"country": "D"}, "shipping_address.country: 'D' is no country's code"),
    ({"country": "ZZ"}, "shipping_address.country: 'ZZ' is no country's code"),
    ({"country": "ＤＥ"}, "shipping_address.country: "),
    ({"country": "../x"}, "shipping_address.country: '../x' is no country's code"),
    ({"postal_code": ""}, "shipping_address.postal_code: an address in DE needs one."),
    ({"postal_code": "  "}, "shipping_address.postal_code: an address in DE needs one."),
    ({"email": "ü@example.org"}, "customer.email: '\\xfc@example.org' is no address that can be mailed"),
    ({"email": "ada@exam_ple.org"}, "customer.email: 'ada@exam_ple.org' is no address that can be mailed"),
    ({"email": '"ada"@example.org'}, "customer.email: "),
    ({"email": "Ada<ada@x.org>"}, "customer.email: "),
    ({"email": "ada@☃.example"}, "customer.email: "),
    ({"email": "ada@[192.0.2.1]"}, "customer.email: "),
    ({"email": "ada@" + "ü" * 60 + ".example"}, "customer.email: "),
)
"""Each with how its sentence begins."""


def body_of(person: Person) -> dict[str, Any]:
    """The order of a person."""
    address = {name: text for name, text in person.items() if name != "email"}
    return {"customer": {"email": person["email"], "user_id": "someone"}, "shipping_address": address}


def somebody(**changes: str) -> dict[str, Any]:
    """The order of one of them who writes something else."""
    return body_of({**_ADA, **changes})
