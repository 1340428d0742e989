"""What a topic is made of: entries, settings, parameters, keys, studies, bugs."""
