"""Declarations of all tables of the lake; each table is declared once."""
