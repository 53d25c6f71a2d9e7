"""Public functions that are no responses of a crystal."""

NO_RESPONSES = {
    "animate",
    "bands",
    "eigenframe",
    "fermi_surface",
    "in_si",
    "in_units",
    "load_sweep",
    "metal_responses",
    "plot",
    "ribbon_bands",
    "sweep",
    "symmetric_displacements",
    "symmetry",
    "wilson_loop",
}
