"""Records of batch sources (CRM, partner, vendor): from extracts into bronze.records."""
