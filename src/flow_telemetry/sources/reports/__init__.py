"""What a job leaves behind in files: test reports, coverage, traces of tools, logs.

Nothing here trusts a file: sizes are bounded, and whatever is in it becomes a record or a
ReportError that names the file. The libraries for it are loaded only where a file is read.
"""
