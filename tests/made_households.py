"""Generated records of people, some of whom share a household, for measures of matching.

Nothing here follows the matching model: people, households and errors are drawn one by one.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pandas as pd

COLUMNS = ("first", "last", "born", "address", "postcode", "place", "email", "phone")
KINDS = {
    "first": "given_name",
    "last": "surname",
    "born": "birth_date",
    "address": "address",
    "postcode": "postcode",
    "place": "place",
    "email": "email",
    "phone": "phone",
}


def _words(text: str) -> list[str]:
    return text.split()


_FEMALE = _words(
    "mary anna emma julia laura sarah emily grace alice clara ruth helen martha nora eva lucy ida "
    "rosie jane ellen amy kate olive edith phoebe ella lily sophie hannah chloe zoe rachel susan "
    "karen linda carol janet diane irene joan agnes beryl mavis doris freya elsie poppy maya leila "
    "amina fatima ingrid astrid bianca carmen dolores estelle"
)
_MALE = _words(
    "john james david peter paul mark thomas george henry arthur frank robert michael daniel adam "
    "simon oliver jack harry samuel joseph edward charles oscar alfie noah leo theo lucas martin "
    "kevin brian gary keith derek ronald kenneth stanley cyril omar yusuf hassan ivan boris marek "
    "pavel sven lars bruno carlos diego felix hugo"
)
_SURNAMES = _words(
    "smith jones taylor brown wilson evans thomas johnson roberts walker wright robinson thompson "
    "white hughes edwards green hall wood harris clarke patel jackson turner hill cooper ward "
    "morris moore king watson baker morgan young allen bennett carter cox murphy webb hunt palmer"
)
_STARTS = _words(
    "ash bar cal dun elm fair gar hol ing jes kit lum mer nor oak pem rams sted thorn var"
)
_ENDS = _words(
    "bury croft dale den field ford gate ham hurst ington ley low more ridge ton well wick wood"
)
_STREETS = _words(
    "high church mill station park queens kings victoria green grange manor chapel brook bridge "
    "springfield george albert north south west london windsor york school meadow orchard"
)
_STREET_ENDS = ("street", "road", "lane", "avenue", "close", "drive")
_PLACES = _words(
    "ashmoor brackley cinderford dunhaven eastmere foxley glenwick harrowby ivybridge kingsferry "
    "lowenthorpe millsands netherby oakhaven penworth"
)
_DOMAINS = ("mail.example", "post.example", "web.example", "home.example", "net.example")


@dataclass(frozen=True)
class Person:
    """A person as he or she is today; `earlier` is what some of the records still have."""

    first: str
    last: str
    born: date
    email: str
    mobile: str
    home: "Home"
    earlier: "Home | None" = None
    earlier_last: str | None = None


@dataclass(frozen=True)
class Home:
    address: str
    postcode: str
    place: str
    land_line: str | None


class _World:
    """Draws of one seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.rare_surnames = [start + end for start in _STARTS for end in _ENDS]

    def surname(self) -> str:
        return self.draw.choice(_SURNAMES if self.draw.random() < 0.45 else self.rare_surnames)

    def given_name(self, names: list[str] | None = None) -> str:
        """Names early in the list are more common."""
        names = names or self.draw.choice((_FEMALE, _MALE))
        return names[int(len(names) * self.draw.random() ** 1.6)]

    def birthday(self, first_year: int = 1935, last_year: int = 2004) -> date:
        days = (date(last_year, 12, 31) - date(first_year, 1, 1)).days
        return date(first_year, 1, 1) + timedelta(days=self.draw.randint(0, days))

    def home(self) -> Home:
        draw, number = self.draw, self.draw.randint(1, 180)
        street = f"{draw.choice(_STREETS)} {draw.choice(_STREET_ENDS)}"
        place = draw.randrange(len(_PLACES))
        postcode = f"Z{'ABCDEFGHIJKLMNO'[place]}{draw.randint(1, 9)} {draw.randint(1, 9)}"
        postcode += "".join(draw.choice("ABDEFGHJLN") for _ in range(2))
        line = f"01{20 + place} {draw.randint(400000, 499999)}" if draw.random() < 0.6 else None
        return Home(f"{number} {street}", postcode, _PLACES[place], line)

    def email(self, first: str, last: str, born: date) -> str:
        """Half of the addresses have the name in them."""
        draw, domain = self.draw, self.draw.choice(_DOMAINS)
        style = draw.random()
        if style < 0.2:
            number = draw.choice(["", "", f"{born.year % 100}", f"{draw.randint(1, 9)}"])
            return f"{first}.{last}{number}@{domain}"
        if style < 0.35:
            return f"{first[0]}{last}{draw.randint(1, 99)}@{domain}"
        if style < 0.5:
            return f"{first}{born.year % 100:02}{draw.randint(0, 9)}@{domain}"
        letters = "".join(draw.choice("bdfgklmnprstvz") + draw.choice("aeiou") for _ in range(3))
        return f"{letters}{draw.randint(10, 99)}@{domain}"

    def person(
        self,
        home: Home,
        *,
        first: str | None = None,
        last: str | None = None,
        born: date | None = None,
    ) -> Person:
        first, last = first or self.given_name(), last or self.surname()
        born = born or self.birthday()
        mobile = f"07700 {self.draw.randint(900000, 999999)}"
        return Person(first, last, born, self.email(first, last, born), mobile, home)

    def mates(self, person: Person) -> list[Person]:
        """Other members of the person's household."""
        kind = self.draw.choices(
            (self.couple, self.twins, self.siblings, self.namesake, self.three_ages, self.flat),
            weights=(40, 12, 16, 10, 10, 12),
        )[0]
        return kind(person)

    def couple(self, one: Person) -> list[Person]:
        last = one.last if self.draw.random() < 0.85 else self.surname()
        born = one.born + timedelta(days=self.draw.randint(-2500, 2500))
        return [self.person(one.home, last=last, born=born)]

    def twins(self, one: Person) -> list[Person]:
        first = self._other_name(one.first)
        return [self.person(one.home, first=first, last=one.last, born=one.born)]

    def siblings(self, one: Person) -> list[Person]:
        count = self.draw.choice((1, 1, 2))
        dates = [one.born + timedelta(days=self.draw.randint(400, 3000)) for _ in range(count)]
        return [
            self.person(one.home, first=self._other_name(one.first), last=one.last, born=born)
            for born in dates
        ]

    def namesake(self, one: Person) -> list[Person]:
        born = one.born + timedelta(days=self.draw.randint(20 * 365, 38 * 365))
        return [self.person(one.home, first=one.first, last=one.last, born=born)]

    def three_ages(self, one: Person) -> list[Person]:
        """A child and one or two grandparents in the home of a parent; a child may have the name of
        a grandparent."""
        older = one.born - timedelta(days=self.draw.randint(20 * 365, 35 * 365))
        younger = one.born + timedelta(days=self.draw.randint(20 * 365, 35 * 365))
        elder = self.person(one.home, last=one.last, born=older)
        first = elder.first if self.draw.random() < 0.2 else None
        child = self.person(one.home, first=first, last=one.last, born=younger)
        return [elder, child, *(self.couple(elder) if self.draw.random() < 0.4 else [])]

    def flat(self, one: Person) -> list[Person]:
        return [self.person(one.home) for _ in range(self.draw.choice((1, 2, 3)))]

    def _other_name(self, first: str) -> str:
        while (other := self.given_name()) == first:
            pass
        return other

    def moved(self, person: Person) -> Person:
        """The person, possibly with an earlier home or an earlier surname."""
        earlier = self.home() if self.draw.random() < 0.06 else None
        earlier_last = self.surname() if self.draw.random() < 0.02 else None
        return replace(person, earlier=earlier, earlier_last=earlier_last)

    def record(self, person: Person) -> dict[str, str | None]:
        """One record of a person, with errors and gaps."""
        draw = self.draw
        home = person.earlier if person.earlier and draw.random() < 0.5 else person.home
        last = person.earlier_last if person.earlier_last and draw.random() < 0.5 else person.last
        phone = home.land_line if home.land_line and draw.random() < 0.6 else person.mobile
        values: dict[str, str | None] = {
            "first": person.first,
            "last": last,
            "born": person.born.isoformat(),
            "address": home.address,
            "postcode": home.postcode,
            "place": home.place,
            "email": person.email,
            "phone": phone,
        }
        care = draw.choice((0.3, 1.0, 1.7))  # some forms are filled in with less care
        for column, value in values.items():
            if draw.random() < _GAPS[column] * care:
                values[column] = None
            elif value is not None and draw.random() < _ERRORS[column] * care:
                values[column] = _typing_error(value, draw)
        if draw.random() < 0.01:
            values["first"], values["last"] = values["last"], values["first"]
        return values


_GAPS = dict(first=0.04, last=0.02, born=0.2, address=0.12, postcode=0.1, place=0.08) | dict(
    email=0.3, phone=0.3
)
_ERRORS = dict(first=0.05, last=0.06, born=0.05, address=0.07, postcode=0.04, place=0.03) | dict(
    email=0.03, phone=0.03
)


def _typing_error(value: str, draw: random.Random) -> str:
    """The value with one letter or digit changed, dropped, doubled or swapped with the next."""
    places = [n for n, letter in enumerate(value) if letter.isalnum()]
    at = draw.choice(places)
    letter = value[at]
    another = draw.choice("0123456789" if letter.isdigit() else "abcdefghijklmnopqrstuvwxyz")
    edits: list[Callable[[], str]] = [
        lambda: value[:at] + another + value[at + 1 :],
        lambda: value[:at] + value[at + 1 :],
        lambda: value[:at] + letter + value[at:],
        lambda: value[:at] + value[at + 1 : at + 2] + letter + value[at + 2 :],
    ]
    if value[4:5] == "-":  # a date keeps its length
        edits = [edits[0]]
    return draw.choice(edits)() or value


def household_records(*, people: int = 2_000, sharing: float = 0.1, seed: int) -> pd.DataFrame:
    """Records of people, one to four each, in random order.

    Args:
        sharing: share of the people who live in one household with others of them.

    Returns:
        One row per record: id, the COLUMNS as text (null = not known), person (the truth), and
        household (a number; members share it).
    """
    world = _World(seed)
    everyone: list[tuple[int, Person]] = []
    household = 0
    while len(everyone) < people:
        one = world.person(world.home())
        is_shared = len(everyone) < people * sharing
        members = [one, *(world.mates(one) if is_shared else [])]
        everyone += [(household, world.moved(member)) for member in members]
        household += 1
    rows = [
        {**world.record(person), "person": f"p{number}", "household": household}
        for number, (household, person) in enumerate(everyone[:people])
        for _ in range(world.draw.randint(1, 4))
    ]
    world.draw.shuffle(rows)
    frame = pd.DataFrame(rows)
    frame.insert(0, "id", [f"r{number}" for number in range(len(rows))])
    return frame
