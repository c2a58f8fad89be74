"""The parts of the page of app.py: one file a tab, and what tabs share. Only app.py imports this room."""
