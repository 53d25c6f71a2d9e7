"""How points become a number: meshes that double, where they run, what they promise."""
