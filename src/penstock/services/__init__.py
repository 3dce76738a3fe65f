"""What goes on by itself, beside the server or alone: small units that look at the store once in a while."""
