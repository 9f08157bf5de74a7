"""kinfold: one profile per person, out of raw events, on Spark and Delta Lake."""
