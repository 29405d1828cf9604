"""How the models came to be and how the product is measured; not installed on robots."""
