"""How deeply JSON values are nested."""

MAX_DEPTH = 500
"""Maximum nesting of an event: half of what Spark's JSON parser reads."""


def is_deeper(node: object, *, than: int) -> bool:
    """Whether more than `than` lists and objects contain each other."""
    containers = [node] if isinstance(node, dict | list) else []
    for _ in range(than):
        containers = [
            part
            for one in containers
            for part in (one.values() if isinstance(one, dict) else one)
            if isinstance(part, dict | list)
        ]
    return bool(containers)
