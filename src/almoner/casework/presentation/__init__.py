"""How a case is shown: evidence, explanation, terms and forms."""
