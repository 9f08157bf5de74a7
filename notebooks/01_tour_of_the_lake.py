# Databricks notebook source
# MAGIC %md
# MAGIC # What does the lake know about its best customers?
# MAGIC
# MAGIC A tour from raw records to scores. Run `make demo` first, or point `root` at a lake of your own.

# COMMAND ----------

# Parameters: where the lake is. As a Databricks widget, or edited here.
root = "var/lake"

# COMMAND ----------

from kinfold.runtime.job import lake_at
from kinfold.tables import bronze, gold, ops, silver
from pyspark.sql import functions as F

lake = lake_at(root)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Bronze: everything that came, also what could not be used

# COMMAND ----------

records = lake.read(bronze.EVENTS)
records.groupBy("source", "verdict").count().orderBy("source", "verdict").show()
records.where("verdict = 'rejected'").select("source_offset", "errors").show(5, truncate=80)

# COMMAND ----------

# MAGIC %md
# MAGIC ## The ledger: nothing lost, nothing doubled

# COMMAND ----------

batches = lake.read(ops.BATCHES)
batches.select("stage", "source", "records_in", "accepted", "rejected", "added", "duplicates").show()

# COMMAND ----------

# MAGIC %md
# MAGIC ## Silver: one profile per person

# COMMAND ----------

profiles = lake.read(silver.PROFILES)
profiles.select(
    "profile_id", "event_count", "order_count", "revenue_cents", "top_categories", "consent"
).orderBy(F.desc("revenue_cents"), "profile_id").show(5, truncate=40)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Gold: segments and who will buy

# COMMAND ----------

members = lake.read(gold.SEGMENT_MEMBERS)
segments = lake.read(gold.SEGMENTS)
scores = lake.read(gold.PROPENSITY_SCORES)
scores = scores.where(F.col("as_of") == scores.agg(F.max("as_of")).collect()[0][0])
by_segment = (
    members.join(segments, ["model_version", "segment_id"])
    .join(scores.select("profile_id", "probability"), "profile_id")
    .join(profiles.select("profile_id", "revenue_cents"), "profile_id")
    .groupBy("name")
    .agg(
        F.count(F.lit(1)).alias("people"),
        F.round(F.avg("revenue_cents") / 100, 2).alias("revenue_each"),
        F.round(F.avg("probability"), 3).alias("chance_to_buy"),
    )
    .orderBy(F.desc("revenue_each"), "name")
)
by_segment.show(truncate=False)

# COMMAND ----------

# MAGIC %md
# MAGIC ## The answer

# COMMAND ----------

best = by_segment.first()
answer = (
    f"The best customers are '{best['name']}': {best['people']:,} people who brought "
    f"{best['revenue_each']:,.2f} each; {best['chance_to_buy']:.0%} of them are expected to buy "
    "within the horizon."
)
print(answer)
