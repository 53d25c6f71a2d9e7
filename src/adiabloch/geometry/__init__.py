"""What the bands of a crystal look like: eigenframes, connections, curvatures, metrics, moments, shifts."""
