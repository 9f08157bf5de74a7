"""Compiled validation of well-formed events; optional, switched by `runtime.native`."""
