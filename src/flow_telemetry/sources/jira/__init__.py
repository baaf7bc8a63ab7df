"""Reading Jira, Cloud and Data Center: a thin client, pure parsing, and the tracker over both."""
