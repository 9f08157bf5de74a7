"""Conversion of figures to images."""

from matplotlib.figure import Figure

from kinfold.reporting.pictures import as_png


def test_a_figure_becomes_a_png_image():
    image = as_png(Figure(figsize=(1, 1)))
    assert image.startswith(b"\x89PNG\r\n")
    assert image.endswith(b"IEND\xaeB`\x82")
