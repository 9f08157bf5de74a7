"""Configuration of matching: settings for all data, and the map of the columns of one file."""

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
    """Which pairs are compared."""

    max_block_size: Annotated[int, Field(ge=2)] = 50
    """All pairs in a block of at most this many records are compared. A larger block is divided by
    a second and a third key; a block that is still larger is dropped and reported."""
    compare_all_up_to: Annotated[int, Field(ge=0)] = 1_200
    """Up to this many records every pair is compared: it is cheap, and blocking loses no pair."""
    max_pairs_per_record: PositiveInt = 1_000
    """The run stops before scoring if there are more candidate pairs per record than this."""


class TrainingConf(Conf):
    """How the model is learnt. Labels are never used."""

    sample_size: Annotated[int, Field(ge=2)] = 20_000
    """Number of records in the sample from which random pairs are drawn."""
    random_pairs: PositiveInt = 1_000_000
    """Number of random pairs, which show how often different people agree."""
    max_rounds: PositiveInt = 500
    tolerance: Annotated[float, Field(gt=0)] = 1e-6
    """EM stops when no probability changes by more than this."""
    prior_pairs: Annotated[float, Field(gt=0)] = 2.0
    """Weight of the initial probabilities, in pairs. It keeps estimates from few pairs stable."""
    seed: int = 7
    relearn_at: Annotated[float, Field(ge=0)] = 0.2
    """In the pipeline the model is kept. It is learnt again when the number of different records
    has changed by more than this share since."""


class ClusteringConf(Conf):
    """When records become one person. Weights are in bits: 0 is even odds, +1 doubles the odds."""

    link_at: Ratio = 0.5
    """Two groups of records are one person if the match probability between them is higher."""
    review_at: Ratio = 0.1
    """Links from here to `link_at`, and refused links, are for review by a person."""
    corroboration: Annotated[float, Field(ge=0)] = 0.3
    """Several pairs between two groups count for up to this much more than one pair."""
    unseen_weight: Annotated[float, Field(le=0)] = -4.0
    """Weight of a pair between two groups that shares no blocking key."""
    max_cluster_size: Annotated[int, Field(ge=2)] = 500
    """Maximum number of records of one person; a larger union is refused."""
    max_links: PositiveInt = 20_000_000
    """Maximum number of links that are clustered in the driver's memory; above it the run stops."""

    @model_validator(mode="after")
    def _review_starts_below_link(self) -> "ClusteringConf":
        if self.review_at >= self.link_at:
            raise ValueError(f"review_at ({self.review_at}) must be below link_at ({self.link_at})")
        return self


class MatchingSettings(Conf):
    """Everything that decides the result, except the data and its map."""

    blocking: BlockingConf = BlockingConf()
    training: TrainingConf = TrainingConf()
    clustering: ClusteringConf = ClusteringConf()


class Attribute(Conf):
    """One attribute of a person: its kind, and the column with its values."""

    kind: Kind
    column: str


class PersonMap(Conf):
    """The meaning of the columns of a file.

    Attributes:
        record_id: column with the id of a record; null = a record is identified by its content.
        csv: Spark's options for reading a CSV file (`sep`, `encoding`, `quote`, ...).
        attributes: the attributes to match on, by a name that the user chooses.
    """

    record_id: str | None = None
    csv: dict[str, str] = Field(default_factory=dict)
    attributes: Annotated[dict[str, Attribute], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, content: Any) -> Any:
        """Expand `name: kind` to a column of that name and this kind."""
        if not isinstance(content, dict) or not isinstance(content.get("attributes"), dict):
            return content
        expanded: dict[str, Any] = {}
        for name, value in content["attributes"].items():
            one = {"kind": value} if isinstance(value, str) else value
            expanded[str(name)] = {"column": str(name), **one} if isinstance(one, dict) else one
        return {**content, "attributes": expanded}

    @model_validator(mode="after")
    def _id_is_not_an_attribute(self) -> "PersonMap":
        for name, attribute in self.attributes.items():
            if attribute.column == self.record_id:
                raise ValueError(
                    f"attribute '{name}' is the record_id; an id is not an attribute of a person"
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
        ConfError: the file is not valid; the message names every problem.
    """
    return _load(MatchingSettings, path)


def load_person_map(path: Path) -> PersonMap:
    """The map in a YAML file.

    Raises:
        ConfError: the file is not valid; the message names every problem.
    """
    return _load(PersonMap, path)


def _load(conf: type[AnyConf], path: Path) -> AnyConf:
    content = read_yaml(path, str(path))
    try:
        return conf.model_validate(content)
    except ValidationError as error:
        known = [*conf.model_fields, "kind", "column"]
        raise ConfError(readable_problems(error, {}, known, str(path))) from error
