"""The lake: tables by declaration, read at pinned versions, written through the quality gate."""
