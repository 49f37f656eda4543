"""The charts of the page, one file a kind."""
