"""How results are told: tables, pictures, spelling, catalogs for reading."""
