"""The nodes: topics, services, parameters, threads and clocks around the pipeline."""
