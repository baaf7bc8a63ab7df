"""Pure mapping of the domain to spans, under names that the conventions give."""
