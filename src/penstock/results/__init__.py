"""Where results live and how they are written: the user's own storage, never the orchestration database."""
