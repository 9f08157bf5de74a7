"""Generated worlds with known truth: people, their behaviour, and what sources receive of it."""

from kinfold.synthetic.collection.faults import FaultRates
from kinfold.synthetic.people.hazards import IdentityHazards
from kinfold.synthetic.world.generation import World, write_world

__all__ = ["FaultRates", "IdentityHazards", "World", "write_world"]
