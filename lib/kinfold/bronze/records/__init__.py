"""Records of batch sources (CRM, partner, vendor): from extracts to bronze.records."""
