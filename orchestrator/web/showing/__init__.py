"""From what the store knows to tables and charts for a page. Pure."""
