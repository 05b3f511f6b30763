"""The default: split, candidates, judge."""
