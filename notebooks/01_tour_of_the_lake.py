# Databricks notebook source
# MAGIC %md
# MAGIC # Who are the best customers?
# MAGIC
# MAGIC A tour of the lake, from raw records to scores. Run `make demo` first, or set `root` to your own lake.

# COMMAND ----------

# Parameter: the folder or URI of the lake.
root = "var/lake"

# COMMAND ----------

from kinfold.gold.people import people
from kinfold.runtime.job import lake_at
from kinfold.silver.profiles.attribution import events_with_person
from kinfold.tables import bronze, ops
from pyspark.sql import functions as F

lake = lake_at(root)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Bronze: every received record, accepted or rejected

# COMMAND ----------

records = lake.read(bronze.EVENTS)
records.groupBy("source", "verdict").count().orderBy("source", "verdict").show()
records.where("verdict = 'rejected'").select("source_offset", "errors").show(5, truncate=80)

# COMMAND ----------

# MAGIC %md
# MAGIC ## The ledger: no record is lost or duplicated

# COMMAND ----------

batches = lake.read(ops.BATCHES)
batches.select("stage", "source", "records_in", "accepted", "rejected", "added", "duplicates").show()

# COMMAND ----------

# MAGIC %md
# MAGIC ## Silver: events, each with the person it belongs to

# COMMAND ----------

events = events_with_person(lake)
newest = events.orderBy(F.desc("occurred_at"), "event_id")
newest.select("occurred_at", "event_type", "product_id", "amount_cents", "profile_id").show(5)

# COMMAND ----------

# MAGIC %md
# MAGIC ## People: one row per person with identifiers, traits, segment and score

# COMMAND ----------

persons = people(lake)
by_revenue = persons.orderBy(F.desc("revenue_cents"), "profile_id")
by_revenue.select(
    "identifiers", "traits", "order_count", "revenue_cents", "segment_name", "probability"
).show(5, truncate=40)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Gold: the segments, and how likely their members are to buy

# COMMAND ----------

by_segment = (
    persons.where("segment_name is not null")
    .groupBy("segment_name")
    .agg(
        F.count(F.lit(1)).alias("people"),
        F.round(F.avg("revenue_cents") / 100, 2).alias("mean_revenue"),
        F.round(F.avg("probability"), 3).alias("mean_probability"),
    )
    .orderBy(F.desc("mean_revenue"), "segment_name")
)
by_segment.show(truncate=False)

# COMMAND ----------

# MAGIC %md
# MAGIC ## The answer

# COMMAND ----------

best = by_segment.first()
answer = (
    f"The best customers are '{best['segment_name']}': {best['people']:,} people with a mean "
    f"revenue of {best['mean_revenue']:,.2f}; {best['mean_probability']:.0%} of them are expected "
    "to buy within the horizon."
)
print(answer)
