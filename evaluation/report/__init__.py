"""Reports of a benchmark: one offline page, Markdown, CSV and figures, all deterministic."""

from evaluation.report.write import write_report

__all__ = ["write_report"]
