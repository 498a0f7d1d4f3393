"""The review page in a real Chromium."""
