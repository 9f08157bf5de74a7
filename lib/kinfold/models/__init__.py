"""Models in MLflow: runs, versions, gates and plots."""
