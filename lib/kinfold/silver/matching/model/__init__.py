"""The Fellegi-Sunter model: comparisons, its parameters and how they are estimated."""
