"""The picture of README: docs/images/throughput.svg, drawn from bench/results."""
