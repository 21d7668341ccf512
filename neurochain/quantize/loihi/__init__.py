"""Float network -> integers of Loihi's neuron."""
