"""The decision report and its JSON, Markdown and ENV forms, shared by operator and guard."""
