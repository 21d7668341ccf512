"""Float network -> integers of Xylo's neuron."""
