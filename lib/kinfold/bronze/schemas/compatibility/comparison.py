"""Comparison of two versions of a schema.

The law: if every change is an addition, then every value that follows the old version follows the
new one too, provided that the old version describes all its members. Whatever this module cannot
compare counts as breaking; it never guesses.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kinfold.bronze.schemas.compatibility.changes import Effect, SchemaChange
from kinfold.bronze.schemas.compatibility.digests import group_digests, shape_digests
from kinfold.bronze.schemas.compatibility.json_values import comparable
from kinfold.bronze.schemas.compatibility.keywords import (
    BREAKING_RULES,
    EVALUATE_CONDITIONALLY,
    OPAQUE_GROUPS,
    UNEVALUATED,
    has_keyword,
    members_of,
)
from kinfold.bronze.schemas.compatibility.members import (
    allows_anything,
    described_members,
    item_schemas,
    member_name_schemas,
    member_schemas,
    other_member_schemas,
    pattern_schemas,
    was_undescribed,
)
from kinfold.bronze.schemas.compatibility.shapes import ValueShape, requires_all, shape_at
from kinfold.bronze.schemas.compatibility.wording import narrowed_text, widened_text
from kinfold.bronze.schemas.references import SchemaDocuments, SchemaLocation

_CANNOT = "cannot be compared: treated as breaking"


def schema_changes(old_id: str, new_id: str, documents: Mapping[str, Any]) -> list[SchemaChange]:
    """The changes from one version of a schema to another, the worst first.

    Args:
        documents: every schema that either of them refers to, by schema id. They must compile.

    Raises:
        ValueError: a `$ref` leads nowhere.
    """
    schemas = SchemaDocuments(documents)
    comparison = _Comparison(schemas, frozenset({old_id, new_id}))
    old, new = SchemaLocation(old_id, ""), SchemaLocation(new_id, "")
    changes = [*comparison.dynamic_changes(old, new), *comparison.changes([old], [new])]
    return sorted(set(changes), key=lambda change: (-change.effect, change.location, change.what))


@dataclass
class _Comparison:
    """One run of the comparison, which remembers the pairs of schemas it has started on.

    Attributes:
        own: schema ids of the two versions; a location in another document is shown with its id.
    """

    schemas: SchemaDocuments
    own: frozenset[str]
    _started: set[tuple[frozenset[SchemaLocation], frozenset[SchemaLocation]]] = field(
        default_factory=set
    )

    def changes(
        self, old_locations: Sequence[SchemaLocation], new_locations: Sequence[SchemaLocation]
    ) -> list[SchemaChange]:
        """The changes for a value to which all of the schemas apply; no schemas = any value."""
        old, new = self._shape(old_locations), self._shape(new_locations)
        pair = (frozenset(old.locations), frozenset(new.locations))
        if pair in self._started:  # a schema that contains itself
            return []
        self._started.add(pair)
        if not old.types:
            location = (*new.locations, *old.locations)[0]
            change = self._change(Effect.ADDITION, location, "was refused, is accepted now")
            return [change] if new.types else []
        if not new.types:
            return [self._change(Effect.BREAKING, new.locations[0], "no value is accepted now")]
        changes = [*self._rule_changes(old, new), *self._opaque_changes(old, new)]
        if any(isinstance(value, dict | list) for value in old.values or ()):
            # Enumerated objects and arrays describe their own parts.
            if self._differ(old, new):
                what = f"enumerates objects or arrays; {_CANNOT}"
                changes.append(self._change(Effect.BREAKING, old.locations[0], what))
            return changes
        if "object" in old.types & new.types:
            changes += self._member_changes(old, new)
            changes += self._member_name_changes(old, new)
        if "array" in old.types & new.types:
            changes += self._item_changes(old, new)
        return changes

    def dynamic_changes(self, old: SchemaLocation, new: SchemaLocation) -> Iterator[SchemaChange]:
        """Every $dynamicRef, unless the two documents are equal.

        The target of a $dynamicRef depends on the path to it, so it is the same only in the same
        text.
        """
        texts = [
            repr(comparable({k: v for k, v in self.schemas.at(root).items() if k != "$id"}))
            for root in (old, new)
        ]
        waiting, reached = [old, new], set()
        while waiting and texts[0] != texts[1]:
            location = waiting.pop()
            if location in reached:
                continue
            reached.add(location)
            waiting += [part for _, part in self.schemas.subschemas(location)]
            waiting += [target for _, target in self.schemas.references(location) if target]
            if has_keyword(self.schemas.at(location), "$dynamicRef"):
                yield self._change(Effect.BREAKING, location.below("$dynamicRef"), _CANNOT)

    def _shape(self, locations: Sequence[SchemaLocation]) -> ValueShape:
        return shape_at(self.schemas, locations)

    def _change(self, effect: Effect, location: SchemaLocation, what: str) -> SchemaChange:
        is_own = location.document in self.own
        return SchemaChange(effect, (location.pointer or "/") if is_own else str(location), what)

    def _differ(self, old: ValueShape, new: ValueShape) -> bool:
        """Whether the two do not consist of the same schemas."""
        return shape_digests(self.schemas, old) != shape_digests(self.schemas, new)

    def _allows_no_value(self, locations: Sequence[SchemaLocation]) -> bool:
        return not self._shape(locations).types

    def _rule_changes(self, old: ValueShape, new: ValueShape) -> Iterator[SchemaChange]:
        narrowed = set()
        for rule in new.rules:
            if not old.implies(rule):
                narrowed.add(rule.keyword)
                is_breaking = rule.keyword in BREAKING_RULES
                yield self._change(
                    Effect.BREAKING if is_breaking else Effect.REVISION,
                    rule.location.below(rule.keyword),
                    narrowed_text(rule, old),
                )
        for rule in old.rules:
            if rule.keyword not in narrowed and not new.implies(rule):
                location = rule.location.below(rule.keyword)
                yield self._change(Effect.ADDITION, location, widened_text(rule, new))

    def _opaque_changes(self, old: ValueShape, new: ValueShape) -> Iterator[SchemaChange]:
        """Changes of keywords that are compared only as a whole."""
        for keywords in OPAQUE_GROUPS:
            before, after = (group_digests(self.schemas, shape, keywords) for shape in (old, new))
            if before == after:
                continue
            keyword = keywords[0]
            holders = [
                loc for shape in (new, old) for loc, s in shape.pairs if has_keyword(s, keyword)
            ]
            location = holders[0].below(keyword)
            if set(after) <= set(before):
                yield self._change(Effect.ADDITION, location, "was removed: more is accepted")
            elif keywords == ("anyOf",) and _has_more_alternatives(before, after):
                what = "has another alternative: more is accepted"
                yield self._change(Effect.ADDITION, location, what)
            else:
                yield self._change(Effect.BREAKING, location, f"changed; {keyword} {_CANNOT}")
        yield from self._unevaluated_changes(old, new)

    def _unevaluated_changes(self, old: ValueShape, new: ValueShape) -> Iterator[SchemaChange]:
        """Changes of unevaluated... that depend on keywords that are compared only as a whole."""
        keywords = {key for s in (*old.schemas, *new.schemas) if isinstance(s, dict) for key in s}
        if not keywords & UNEVALUATED or not self._differ(old, new):
            return
        for shape in (old, new):
            for location, schema in shape.pairs:
                if shape is new and has_keyword(schema, "unevaluatedItems"):
                    yield self._change(
                        Effect.BREAKING,
                        location.below("unevaluatedItems"),
                        f"is beside changes; {_CANNOT}",
                    )
                if has_keyword(schema, "unevaluatedProperties") and any(
                    has_keyword(one, keyword)
                    for one in self._shape([location]).schemas
                    for keyword in EVALUATE_CONDITIONALLY
                ):
                    yield self._change(
                        Effect.BREAKING,
                        location.below("unevaluatedProperties"),
                        f"is beside alternatives; {_CANNOT}",
                    )

    def _member_changes(self, old: ValueShape, new: ValueShape) -> Iterator[SchemaChange]:
        names = sorted({*described_members(old), *described_members(new)})
        for name in names:
            yield from self._one_member_changes(name, old, new)
        yield from self._pattern_changes(old, new)
        before, after = (other_member_schemas(self.schemas, shape) for shape in (old, new))
        if allows_anything(self.schemas, before) and self._allows_no_value(after):
            yield self._change(
                Effect.BREAKING,
                self._shape(after).locations[0],
                "additional members are refused: events may have members not described here",
            )
        else:
            yield from self.changes(before, after)

    def _one_member_changes(
        self, name: str, old: ValueShape, new: ValueShape
    ) -> Iterator[SchemaChange]:
        old_members, new_members = described_members(old), described_members(new)
        if name not in new_members:
            yield from self._removed_member_changes(name, old_members[name], old, new)
        elif name not in old_members:
            yield from self._added_member_changes(name, new_members[name], old, new)
        else:
            yield from self.changes(*self._member_schemas(name, old, new))

    def _member_schemas(
        self, name: str, old: ValueShape, new: ValueShape
    ) -> tuple[list[SchemaLocation], list[SchemaLocation]]:
        return member_schemas(self.schemas, old, name), member_schemas(self.schemas, new, name)

    def _removed_member_changes(
        self, name: str, location: SchemaLocation, old: ValueShape, new: ValueShape
    ) -> Iterator[SchemaChange]:
        before, after = self._member_schemas(name, old, new)
        if self._allows_no_value(after):
            yield self._change(
                Effect.BREAKING,
                location,
                f"member {name!r} was removed while additional members are refused: events that"
                " have it are refused",
            )
            return
        what = f"member {name!r} was removed: it is still accepted, but no longer described"
        yield self._change(Effect.REVISION, location, what)
        if not allows_anything(self.schemas, after):
            yield from self.changes(before, after)

    def _added_member_changes(
        self, name: str, location: SchemaLocation, old: ValueShape, new: ValueShape
    ) -> Iterator[SchemaChange]:
        before, after = self._member_schemas(name, old, new)
        is_refused = self._allows_no_value(after)
        was_free = was_undescribed(self.schemas, old, name)
        if is_refused and was_free:
            what = f"member {name!r} is refused: events may have it undescribed"
            yield self._change(Effect.REVISION, location, what)
            return
        if not is_refused and not requires_all(new, [name]):
            what = f"optional member {name!r} was added: events without it are still valid"
            yield self._change(Effect.ADDITION, location, what)
        # An undescribed member of an old event had no meaning that the new version could break.
        if not was_free and not self._allows_no_value(before):
            yield from self.changes(before, after)

    def _pattern_changes(self, old: ValueShape, new: ValueShape) -> Iterator[SchemaChange]:
        old_patterns, new_patterns = (
            {p for schema in shape.schemas for p in members_of(schema, "patternProperties")}
            for shape in (old, new)
        )
        for pattern in sorted(old_patterns | new_patterns):
            before = pattern_schemas(self.schemas, old, pattern, is_certain=True)
            after = pattern_schemas(self.schemas, new, pattern, is_certain=False)
            if pattern in old_patterns and pattern in new_patterns:
                yield from self.changes(before, after)
            elif pattern in old_patterns:
                yield self._removed_pattern_change(before, new)
            elif not allows_anything(self.schemas, after):
                location = self._shape(after).locations[0]
                others = other_member_schemas(self.schemas, old)
                if not old_patterns and self._allows_no_value(others):
                    what = "members that match this pattern are accepted now"
                    yield self._change(Effect.ADDITION, location, what)
                else:
                    yield self._change(
                        Effect.BREAKING, location, f"the pattern is new; it {_CANNOT}"
                    )

    def _removed_pattern_change(
        self, before: Sequence[SchemaLocation], new: ValueShape
    ) -> SchemaChange:
        location = self._shape(before).locations[0]
        if allows_anything(self.schemas, other_member_schemas(self.schemas, new)):
            what = "the pattern was removed: its members are accepted, but no longer described"
            return self._change(Effect.REVISION, location, what)
        return self._change(Effect.BREAKING, location, f"the pattern was removed; it {_CANNOT}")

    def _member_name_changes(self, old: ValueShape, new: ValueShape) -> list[SchemaChange]:
        before, after = member_name_schemas(old), member_name_schemas(new)
        return self.changes(before, after) if before or after else []

    def _item_changes(self, old: ValueShape, new: ValueShape) -> Iterator[SchemaChange]:
        prefixes = [
            schema["prefixItems"]
            for schema in (*old.schemas, *new.schemas)
            if has_keyword(schema, "prefixItems")
        ]
        longest = max(map(len, prefixes), default=0)
        for index in range(longest + 1):
            yield from self.changes(item_schemas(old, index), item_schemas(new, index))


def _has_more_alternatives(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether each new anyOf has all alternatives of an old one; see `group_digests`."""
    known = [set(json.loads(text)["anyOf"]) for text in before]
    return all(any(one <= set(json.loads(text)["anyOf"]) for one in known) for text in after)
