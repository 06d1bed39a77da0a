"""What is served: graph, packed weights, manifest, model card."""
