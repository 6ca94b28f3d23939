"""What the example scripts share: reading data, tables in print, simple baselines, figures."""
