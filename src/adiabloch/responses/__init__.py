"""What is measured: one module a response."""
