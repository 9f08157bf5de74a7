"""A generated world with known truth: people, their behaviour, and what goes wrong on the way to
the collector.
"""

from kinfold.synthetic.faults import FaultRates
from kinfold.synthetic.hazards import IdentityHazards
from kinfold.synthetic.world import World, write_world

__all__ = ["FaultRates", "IdentityHazards", "World", "write_world"]
