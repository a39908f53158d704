"""Renderers: a `Report` or a `Picture` in, text out. They read no file and print nothing."""
