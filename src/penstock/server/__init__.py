"""The server: thin routes over the orchestrator, live streams, and the console."""
