"""Tests of what is shown: infos by hand-worked numbers, figures and the report for every edge case."""
