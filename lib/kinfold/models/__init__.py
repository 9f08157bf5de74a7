"""MLflow: runs, versions, gates and pictures of models."""
