"""JSON Schemas of events: registry, validation, reasons, compatibility of versions."""
