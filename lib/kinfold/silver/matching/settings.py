"""What a person says about matching: settings for all data, and a map of one data set's columns."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, PositiveInt, ValidationError, model_validator

from kinfold.core.errors import ConfError
from kinfold.core.settings.files import read_yaml
from kinfold.core.settings.models import Conf, Ratio
from kinfold.core.settings.problems import readable_problems
from kinfold.silver.matching.model.kinds import Kind

AnyConf = TypeVar("AnyConf", bound=Conf)


class BlockingConf(Conf):
    """Which pairs are looked at."""

    max_block_size: Annotated[int, Field(ge=2)] = 50
    """Records that share a key are all compared if they are at most this many. A larger block is
    divided by a second and a third key; what is still larger is dropped and reported."""
    compare_all_up_to: Annotated[int, Field(ge=0)] = 1_200
    """Up to this many records every pair is compared: cheap, and nothing is lost to blocking."""
    max_pairs_per_record: PositiveInt = 1_000
    """More candidate pairs than this times the records stop the run before any is scored."""


class TrainingConf(Conf):
    """How the model learns; no label is ever looked at."""

    sample_size: Annotated[int, Field(ge=2)] = 20_000
    """Records drawn to see how often strangers agree."""
    random_pairs: PositiveInt = 1_000_000
    """Pairs of strangers drawn among them."""
    max_rounds: PositiveInt = 500
    tolerance: Annotated[float, Field(gt=0)] = 1e-6
    """EM stops when no probability moves further than this."""
    prior_pairs: Annotated[float, Field(gt=0)] = 2.0
    """Weight, in pairs, of what is believed before any is seen; keeps small data sane."""
    seed: int = 7


class ClusteringConf(Conf):
    """When records become one person. Weights are in bits: 0 is even odds, +1 doubles them."""

    link_at: Ratio = 0.5
    """Two groups of records are one person if the evidence between them says more than this
    probability."""
    review_at: Ratio = 0.1
    """Links from here to `link_at`, and links refused by a guard, are for a person to look at."""
    corroboration: Annotated[float, Field(ge=0)] = 0.3
    """Many pairs that agree between two groups count for up to this much more than one."""
    unseen_weight: Annotated[float, Field(le=0)] = -4.0
    """What a pair that shares no blocking key says about two groups."""
    max_cluster_size: Annotated[int, Field(ge=2)] = 500
    """A union beyond this many records is refused."""
    max_links: PositiveInt = 20_000_000
    """Links the driver may hold to cluster; more stop the run with advice."""

    @model_validator(mode="after")
    def _review_starts_below_link(self) -> "ClusteringConf":
        if self.review_at >= self.link_at:
            raise ValueError(f"review_at ({self.review_at}) must be below link_at ({self.link_at})")
        return self


class MatchingSettings(Conf):
    """Everything that decides the outcome beside the data and its map."""

    blocking: BlockingConf = BlockingConf()
    training: TrainingConf = TrainingConf()
    clustering: ClusteringConf = ClusteringConf()


class Attribute(Conf):
    """One thing known about a person, and the column that holds it."""

    kind: Kind
    column: str


class PersonMap(Conf):
    """Which column of a file holds what.

    Attributes:
        record_id: column with the id of a record; null = records are told apart by their content.
        csv: options of a CSV file, as Spark names them (`sep`, `encoding`, `quote`, ...).
        attributes: what takes part in matching, by a name of your own.
    """

    record_id: str | None = None
    csv: dict[str, str] = Field(default_factory=dict)
    attributes: Annotated[dict[str, Attribute], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, given: Any) -> Any:
        """`surname: surname` is short for kind surname in a column of the attribute's name."""
        if not isinstance(given, dict) or not isinstance(given.get("attributes"), dict):
            return given
        whole: dict[str, Any] = {}
        for name, value in given["attributes"].items():
            one = {"kind": value} if isinstance(value, str) else value
            whole[str(name)] = {"column": str(name), **one} if isinstance(one, dict) else one
        return {**given, "attributes": whole}

    @model_validator(mode="after")
    def _id_is_no_attribute(self) -> "PersonMap":
        for name, attribute in self.attributes.items():
            if attribute.column == self.record_id:
                raise ValueError(
                    f"attribute '{name}' is the record_id; an id says nothing of a person"
                )
        return self

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(attribute.kind for attribute in self.attributes.values())

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(attribute.column for attribute in self.attributes.values())


def load_matching_settings(path: Path) -> MatchingSettings:
    """The settings in a YAML file.

    Raises:
        ConfError: with every problem found.
    """
    return _load(MatchingSettings, path)


def load_person_map(path: Path) -> PersonMap:
    """The map in a YAML file.

    Raises:
        ConfError: with every problem found.
    """
    return _load(PersonMap, path)


def _load(what: type[AnyConf], path: Path) -> AnyConf:
    content = read_yaml(path, str(path))
    try:
        return what.model_validate(content)
    except ValidationError as error:
        known = [*what.model_fields, "kind", "column"]
        raise ConfError(readable_problems(error, {}, known, str(path))) from error
