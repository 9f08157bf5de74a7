"""What sources receive: the lines of the event collector and the CRM extract, faults included."""
