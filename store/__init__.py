"""The tables, the keys and the transactions: everything that lasts lives here."""
