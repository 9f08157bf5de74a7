"""How often identifiers are shared between people, or identify no person at all."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

JUNK_VALUES: Mapping[str, tuple[str, ...]] = {
    "email": ("guest@shop.example", "noemail@shop.example", "a@a.aa"),
    "phone": ("+442079460000", "+447400000000"),
    "user_id": ("guest", "web"),
}
"""Values that tills, forms and call centres enter where an identifier is required.

They look like any other value, are not in the list of placeholders, and identify no person.
"""

_KIOSK_SIZE = "people_per_kiosk"


@dataclass(frozen=True)
class IdentityHazards:
    """How often people share identifiers. Rates in [0, 1].

    Attributes:
        shared_devices: per household of two: both use one tablet, hence its cookies.
        kiosk_users: per person: makes some of their visits at a kiosk in a shop, whose cookie never
            changes.
        people_per_kiosk: average number of kiosk users per kiosk.
        family_emails: per household of two: both sometimes give the same address.
        recycled_phones: per person with a phone: gives up the number, which later belongs to
            another person.
        junk_values: per event: an identifier is replaced by one of JUNK_VALUES, or one is added.

    Raises:
        ValueError: a rate is outside [0, 1], or people_per_kiosk is below 1.
    """

    shared_devices: float = 0.06
    kiosk_users: float = 0.05
    people_per_kiosk: int = 40
    family_emails: float = 0.05
    recycled_phones: float = 0.06
    junk_values: float = 0.01

    def __post_init__(self) -> None:
        rates = {f.name: getattr(self, f.name) for f in fields(self) if f.name != _KIOSK_SIZE}
        wrong = [f"{name} is {rate}" for name, rate in rates.items() if not 0.0 <= rate <= 1.0]
        if wrong:
            raise ValueError(f"IdentityHazards: {', '.join(wrong)}, expected rates in [0, 1].")
        if self.people_per_kiosk < 1:
            raise ValueError(
                f"IdentityHazards: {_KIOSK_SIZE} is {self.people_per_kiosk}, expected at least 1."
            )

    @classmethod
    def none(cls) -> "IdentityHazards":
        """The rates of a world in which no identifier is shared."""
        return cls(
            shared_devices=0.0,
            kiosk_users=0.0,
            family_emails=0.0,
            recycled_phones=0.0,
            junk_values=0.0,
        )
