"""An app of the tests: how the database is emptied between two of them."""
