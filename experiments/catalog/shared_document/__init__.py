"""A document that many type into."""
