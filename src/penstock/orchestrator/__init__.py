"""The orchestrator's two forms: over a store in this process, or over HTTP."""
