"""What an adapter is worth: figures, tables, pages."""
